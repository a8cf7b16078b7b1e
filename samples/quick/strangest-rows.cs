#:project ../../src/Trainers/RealNvp.ML.Trainers.csproj
// The five strangest rows of a table of numbers, and the columns that make them so. The first line is left out as a header.
// Usage: dotnet run samples/quick/strangest-rows.cs [FILE.csv]; without a file, the tumours of the breast cancer data.

using Microsoft.ML;
using Microsoft.ML.Data;

if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("Usage: dotnet run samples/quick/strangest-rows.cs [FILE.csv]: its five strangest rows, and why they are.");
    return;
}
string file = args.FirstOrDefault() ?? Path.Combine("samples", "data", "breast_cancer.csv");
int columns = File.ReadLines(file).ElementAt(1).Split(',').Length;

var mlContext = new MLContext(seed: 1);
IDataView rows = mlContext.Data.LoadFromTextFile(file, [new("Features", DataKind.Single, 0, columns - 1)], ',', hasHeader: true);
using var model = mlContext.AnomalyDetection.Trainers.RealNvp(new() { Columns = new() { Contributions = "Why" } }).Fit(rows);

IDataView scored = model.Transform(rows);
var strangest = scored.GetColumn<float>("Score").Zip(scored.GetColumn<float[]>("Why")).Index()
    .OrderByDescending(row => row.Item.First).Take(5);
foreach (var (row, (score, why)) in strangest)
{
    var reasons = why.Index().OrderByDescending(reason => reason.Item).Take(3);
    Console.WriteLine($"line {row + 2,4}  score {score,7:F1}  most of it from "
        + string.Join(", ", reasons.Select(reason => $"column {reason.Index + 1} ({reason.Item:+0.0;-0.0})")));
}
