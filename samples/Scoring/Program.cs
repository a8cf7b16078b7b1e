// Scores, samples and exports with a pipeline that samples/AnomalyDetection trained and saved. Neither TorchSharp nor libtorch is here.
// Usage: dotnet run --project samples/Scoring -c Release [-- MODEL_ZIP]

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Samples;
using RealNvp.ML.Transforms;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("Usage: Scoring [MODEL_ZIP]; by default what samples/AnomalyDetection wrote.");
    return 0;
}
string path = Path.GetFullPath(args.Length > 0 ? args[0] : Path.Combine("artifacts", "samples", "AnomalyDetection", "model.zip"));
if (!File.Exists(path))
{
    Console.Error.WriteLine($"There is no model at {path}: run samples/AnomalyDetection first, or name the model.zip that it wrote.");
    return 1;
}

var mlContext = new MLContext();
using var model = (TransformerChain<ITransformer>)mlContext.Model.Load(path, out _);
RealNvpTransformer flow = model.FindRealNvp();

// All rows of the file, also those that the flow was fitted to.
IDataView rows = BreastCancer.Load(mlContext);
ScoredTumour[] scored = [.. mlContext.Data.CreateEnumerable<ScoredTumour>(model.Transform(rows), reuseRowObject: false)];
Console.WriteLine($"{scored.Count(row => row.PredictedLabel)} of {scored.Length} rows are flagged at the threshold {flow.Threshold:F1}. "
    + "The most anomalous:");
Console.WriteLine("   row   score  p-value  truth");
foreach ((int index, ScoredTumour row) in scored.Index().OrderByDescending(row => row.Item.Score).Take(5))
    Console.WriteLine($"{index,6}  {row.Score,6:F0}  {row.PValue,7:F3}  {(row.Class == 0 ? "malignant" : "benign")}");

// The p-value already says how rare a score is among normal rows, so another rate of false alarms needs no new training.
using RealNvpTransformer stricter = flow.WithContamination(0.02);
Console.WriteLine($"At a contamination of 2 % the threshold is {stricter.Threshold:F1}, which flags "
    + $"{scored.Count(row => row.Score > stricter.Threshold)}.");

Console.WriteLine($"\nThree rows that the flow made up ({BreastCancer.Features[0]}, {BreastCancer.Features[1]}, ...):");
foreach (float[] row in flow.Sample(count: 3, seed: 7).GetColumn<float[]>("Features"))
    Console.WriteLine($"  {string.Join("  ", row.Take(6).Select(value => value.ToString("G4")))} ...");

string density = Path.Combine(Path.GetDirectoryName(path)!, "density-again.onnx");
flow.ExportDensity(density);
Console.WriteLine($"\nChecked against the values that training stored, and exported to {density}");
return 0;

/// <summary>A row with what the flow says of it. The names are those of the columns.</summary>
internal sealed class ScoredTumour
{
    public float Class { get; set; }

    public float Score { get; set; }

    public float PValue { get; set; }

    public bool PredictedLabel { get; set; }
}
