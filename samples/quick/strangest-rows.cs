#:project ../../src/Trainers/RealNvp.ML.Trainers.csproj
#:project ../charts/RealNvp.ML.Samples.Charts.csproj
// The five strangest rows of a table of numbers, and the columns that make them so. The first line is left out as a header.
// Usage: dotnet run samples/quick/strangest-rows.cs [FILE.csv [CHART.png]]; without a file, the tumours of the breast cancer data.

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Samples;
using SkiaSharp;

if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("Usage: dotnet run samples/quick/strangest-rows.cs [FILE.csv [CHART.png]]: its five strangest rows, and why.");
    return;
}
string file = args.FirstOrDefault() ?? Path.Combine("samples", "data", "breast_cancer.csv");
if (!File.Exists(file) || File.ReadLines(file).ElementAtOrDefault(1)?.Split(',') is not { } cells
    || !cells.All(cell => cell.Length == 0 || float.TryParse(cell, CultureInfo.InvariantCulture, out _)))
{
    Console.Error.WriteLine($"{file} is no CSV file of numbers with a header: `realnvp train` and `explain` read others too.");
    Environment.ExitCode = 2;
    return;
}
int columns = cells.Length;

var mlContext = new MLContext(seed: 1);
IDataView rows = mlContext.Data.LoadFromTextFile(file, [new("Features", DataKind.Single, 0, columns - 1)], ',', hasHeader: true);
using var model = mlContext.AnomalyDetection.Trainers.RealNvp(new() { Columns = new() { Contributions = "Why" } }).Fit(rows);

IDataView scored = model.Transform(rows);
var strangest = scored.GetColumn<float>("Score").Zip(scored.GetColumn<float[]>("Why")).Index()
    .OrderByDescending(row => row.Item.First).Take(5).ToArray();
foreach (var (row, (score, why)) in strangest)
{
    // amounts of many columns that go together are large and cancel each other: what they are worth is their order (docs/anomalies.md)
    var reasons = why.Index().OrderByDescending(reason => reason.Item).Take(3).Select(reason => $"{reason.Index + 1}");
    Console.WriteLine($"line {row + 2,4}  score {score,7:F1}  most of it from columns {string.Join(", ", reasons)}");
}
if (args.Length > 1)
{
    var points = scored.GetColumn<float>("Score").Select((score, row) => (X: row + 2.0, Y: (double)score)).ToArray();
    using var chart = new Chart("The score of each row", Axis.Over("Line of the file", 0, points.Length + 2),
        Axis.Over("Score (negative log-likelihood, nats)", points.Min(point => point.Y), points.Max(point => point.Y)));
    chart.Dots("rows", new SKColor(0x2F, 0x6F, 0xB0), 4, points);
    chart.Dots("the five strangest", new SKColor(0xD9, 0x7B, 0x1F), 8, strangest.Select(row => points[row.Index]));
    chart.Save(args[1]);
}
