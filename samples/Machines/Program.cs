// Sensors of four machines over a day: is a reading odd for this machine at this hour? A flow of the sensors alone calls usual what is
// usual at any hour; one with machine and hour as its condition does not. Prints what both find, and draws the range to be expected.
// Usage: dotnet run --project samples/Machines -c Release [-- OUTPUT_FOLDER]

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using SkiaSharp;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("Usage: Machines [OUTPUT_FOLDER]: what a flow of sensors misses, and one given machine and hour finds.");
    return;
}
string folder = Directory.CreateDirectory(args.Length > 0 ? args[0] : Path.Combine("artifacts", "samples", "Machines")).FullName;

var mlContext = new MLContext(seed: 1);
mlContext.Log += (_, message) =>
{
    if (message.Kind >= ChannelMessageKind.Warning)
        Console.Error.WriteLine(message.Message);
};

// Ten quiet days train; on the eleventh and twelfth one reading in fifty is of another hour.
IDataView quietDays = mlContext.Data.LoadFromEnumerable(Plant.Days(days: 10, odd: 0, seed: 1).ToArray());
IDataView newDays = mlContext.Data.LoadFromEnumerable(Plant.Days(days: 2, odd: 0.02, seed: 2).ToArray());

var columns = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Vibration")
    .Append(mlContext.Transforms.Categorical.OneHotEncoding("WhichMachine", "Machine"))
    .Append(mlContext.Transforms.Concatenate("Condition", "WhichMachine", "SinHour", "CosHour"));
var bar = new TrainingBar();
TransformerChain<RealNvpTransformer> Train(string? condition)
{
    var pipeline = columns.Append(mlContext.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
    {
        ConditionColumnName = condition,
        Contamination = 0.01,
        Progress = bar,
    }));
    return bar.Show(() => pipeline.Fit(quietDays));
}
Console.WriteLine("training a flow of the sensors alone");
using TransformerChain<RealNvpTransformer> plain = Train(condition: null);
Console.WriteLine("and one of the sensors given machine and hour");
using TransformerChain<RealNvpTransformer> conditional = Train("Condition");

ScoredReading[] byPlain = Scored(plain), byConditional = Scored(conditional);
string Row(ITransformer model, ScoredReading[] rows)
    => $"{Auroc(model):F3}        {Flagged(rows, label: 0),6:P1}   {Flagged(rows, label: 1):P1}";
Console.WriteLine($"""

    {byPlain.Length} new readings, of which {byPlain.Count(row => row.Label == 1)} are of another hour; 1 % of usual ones may be flagged
                                     AUROC   false alarms   found
      p(sensors)                     {Row(plain, byPlain)}
      p(sensors | machine, hour)     {Row(conditional, byConditional)}

    flagged per machine              p(sensors)   p(sensors | machine, hour)   wrong in truth
    """);
foreach ((string machine, _, _) in Plant.Machines)
{
    int Count(ScoredReading[] rows, Func<ScoredReading, bool> isCounted) => rows.Count(row => row.Machine == machine && isCounted(row));
    Console.WriteLine($"  {machine,-28}{Count(byPlain, row => row.PredictedLabel),13}"
        + $"{Count(byConditional, row => row.PredictedLabel),29}{Count(byPlain, row => row.Label == 1),17}");
}

// What is to be expected: for every ten minutes of the day 400 rows drawn given machine and hour, and of these the central 98 %.
const string Shown = "day shift";
IDataView day = columns.Fit(quietDays).Transform(mlContext.Data.LoadFromEnumerable(Plant.Days(1, 0, 3).Where(row => row.Machine == Shown)));
const int Draws = 400;
IDataView drawn = conditional.LastTransformer.Sample(day, Draws, seed: 1);
float[] hours = [.. drawn.GetColumn<float>("Hour")], temperatures = [.. drawn.GetColumn<float[]>("Features").Select(row => row[0])];
(double Hour, double Low, double High)[] expected = [.. Enumerable.Range(0, hours.Length / Draws).Select(i =>
{
    float[] sorted = [.. temperatures.AsSpan(i * Draws, Draws).ToArray().Order()];
    return ((double)hours[i * Draws], (double)sorted[Draws / 100], (double)sorted[Draws - 1 - Draws / 100]);
})];
ScoredReading[] shown = [.. byConditional.Where(row => row.Machine == Shown)];
using (var chart = new Chart($"The temperature of '{Shown}' over the day",
    new Axis("Hour", 0, 24, [.. Enumerable.Range(0, 9).Select(i => (3.0 * i, $"{3 * i}:00"))]),
    Axis.Over("Temperature, degrees", shown.Min(row => row.Temperature), shown.Max(row => row.Temperature))))
{
    chart.Band("98 % of what is to be expected", new SKColor(0x1F, 0x6F, 0xB5), expected);
    chart.Dots("readings", new SKColor(0x66, 0x70, 0x7E), 4, Points(shown.Where(row => !row.PredictedLabel)));
    chart.Dots("flagged for their hour", new SKColor(0xE0, 0x6C, 0x1F), 8, Points(shown.Where(row => row.PredictedLabel)));
    chart.Save(Path.Combine(folder, "machines.png"));
}
Console.WriteLine($"\nmachines.png is in\n{folder}");

ScoredReading[] Scored(ITransformer model)
    => [.. mlContext.Data.CreateEnumerable<ScoredReading>(model.Transform(newDays), reuseRowObject: false)];

double Auroc(ITransformer model) => mlContext.AnomalyDetection.Evaluate(model.Transform(newDays)).AreaUnderRocCurve;

static double Flagged(ScoredReading[] rows, float label)
    => rows.Where(row => row.Label == label).Average(row => row.PredictedLabel ? 1.0 : 0);

static IEnumerable<(double, double)> Points(IEnumerable<ScoredReading> rows)
    => rows.Select(row => ((double)row.Hour, (double)row.Temperature));
