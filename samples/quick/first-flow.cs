#:project ../../src/Trainers/RealNvp.ML.Trainers.csproj
// Trains a flow on a thousand readings of a machine, scores two new ones and draws three. Usage: dotnet run samples/quick/first-flow.cs

using Microsoft.ML;
using Microsoft.ML.Data;

var random = new Random(1);
Reading[] normal = [.. Enumerable.Range(0, 1000).Select(_ =>
{
    float load = random.NextSingle();
    return new Reading(60 + 20 * load + random.NextSingle(), 2 + load + 0.1f * random.NextSingle());
})];

var mlContext = new MLContext(seed: 1);
using var model = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure")
    .Append(mlContext.AnomalyDetection.Trainers.RealNvp(contamination: 0.01))
    .Fit(mlContext.Data.LoadFromEnumerable(normal));

// each value of the second reading is usual, the two together are not
Reading[] readings = [new(70, 2.5f), new(62, 2.9f)];
IDataView scored = model.Transform(mlContext.Data.LoadFromEnumerable(readings));
foreach (var (reading, score, flagged) in readings.Zip(scored.GetColumn<float>("Score"), scored.GetColumn<bool>("PredictedLabel")))
    Console.WriteLine($"{reading}: score {score:F1}{(flagged ? ", an anomaly" : "")}");

foreach (float[] row in model.LastTransformer.Sample(count: 3, seed: 1).GetColumn<float[]>("Features"))
    Console.WriteLine($"drawn: {row[0]:F1} degrees, {row[1]:F2} bar");

internal sealed record Reading(float Temperature, float Pressure);
