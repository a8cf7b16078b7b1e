// A flow behind three silos of Microsoft Orleans on this machine, each a process of its own. Callers score rows all the time, while one
// silo is killed and started again: the other two answer, and a caller that was waiting tries once more. Clustered by redis-server where it
// is installed, by Orleans' development clustering otherwise. Ends by itself.
// Usage: dotnet run --project samples/Cluster -c Release [-- SECONDS_OF_EACH_PHASE [CHART.png]]

using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Samples;
using RealNvp.ML.Samples.Cluster;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using SkiaSharp;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["silo", ..])
{
    await SiloProgram.Run(args[1..]);
    return 0;
}
if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("A flow behind three silos of Microsoft Orleans, one of which is killed under load.");
    Console.WriteLine("Usage: dotnet run --project samples/Cluster -c Release [-- SECONDS_OF_EACH_PHASE [CHART.png]]");
    return 0;
}
var phase = TimeSpan.FromSeconds(args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 5);
string folder = Directory.CreateTempSubdirectory("realnvp-cluster-").FullName;
try
{
    // A small flow, in the folder that all silos read.
    var mlContext = new MLContext(seed: 1);
    var random = new Random(1);
    float[][] rows = [.. Enumerable.Range(0, 1000).Select(_ => NewRow(random))];
    using var model = mlContext.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 200 }).Fit(Load(rows));
    model.Model.Save(Path.Combine(folder, "pumps.rnvp"));
    float[] expected = [.. model.Transform(Load(rows)).GetColumn<float>("Score")];

    await using var cluster = Cluster.Start(folder);
    Console.WriteLine($"clustered by {cluster.Kind}");
    for (int i = 0; i < 3; i++)
        await cluster.StartSilo();
    await using var load = await ClusterLoad.Connect(cluster, "pumps", rows, expected);
    await load.Run(phase / 2); // the runtime compiles, the model is loaded
    Console.WriteLine($"calls are answered by {(await load.Silos()).Count} silos");

    LoadResult before = await load.Run(phase);
    Tell("three silos", before);
    var time = Stopwatch.StartNew();
    Task<LoadResult> disturbed = load.Run(2 * phase);
    await Task.Delay(phase / 4);
    cluster.Kill(1);
    double killed = before.Seconds + time.Elapsed.TotalSeconds;
    Console.WriteLine("a silo is killed");
    await Task.Delay(phase);
    await cluster.StartSilo(1);
    double back = before.Seconds + time.Elapsed.TotalSeconds;
    Console.WriteLine("and is there again");
    LoadResult result = await disturbed;
    Tell("meanwhile", result);
    LoadResult after = await load.Run(phase);
    Tell("three silos again", after);
    if (args.Length > 1)
        Draw([before, result, after], killed, back, args[1]);
    return result.Failed + result.Wrong + after.Failed + after.Wrong == 0 ? 0 : 1;

    IDataView Load(float[][] values)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, values[0].Length);
        return mlContext.Data.LoadFromEnumerable(values.Select(value => new Row { Features = value }), schema);
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

static float[] NewRow(Random random)
{
    float load = random.NextSingle();
    return [60 + 20 * load + random.NextSingle(), 2 + load + 0.1f * random.NextSingle(), 5 * load * load + random.NextSingle()];
}

static void Tell(string phase, LoadResult result) => Console.WriteLine($"{phase}: {result.Answered / result.Seconds:N0} requests/s, "
    + $"p50 {result.Percentile(0.5):F1} ms, p99 {result.Percentile(0.99):F1} ms, {result.Retried} tried again, {result.Failed} failed, "
    + $"{result.Wrong} wrong scores");

// Requests per second over the phases. The last tenth of a second of a phase is not whole, and left out.
static void Draw(LoadResult[] phases, double killed, double back, string file)
{
    var points = new List<(double Second, double Requests)>();
    double start = 0;
    foreach (LoadResult phase in phases)
    {
        double each = phase.Seconds / phase.PerSecond.Length;
        points.AddRange(phase.PerSecond.SkipLast(1).Select((requests, i) => (start + (i + 0.5) * each, requests)));
        start += phase.Seconds;
    }
    using var chart = new Chart("Requests to three silos, one of which is killed", Axis.Over("Seconds", 0, start),
        Axis.Over("Requests per second, each of 16 rows", 0, points.Max(point => point.Requests)));
    chart.Line($"answered; {phases.Sum(phase => phase.Failed)} failed, {phases.Sum(phase => phase.Wrong)} wrong scores",
        new SKColor(0x2F, 0x6F, 0xB0), points);
    chart.Mark(killed, "a silo is killed");
    chart.Mark(back, "and is there again");
    chart.Save(file);
}

internal sealed class Row
{
    public float[] Features { get; set; } = [];
}
