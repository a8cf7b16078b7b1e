using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Samples.Cluster;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Clusters;

/// <summary>The sample's cluster under load: one, two and three silos, then silos killed and started again.</summary>
internal sealed class ClusterBenchmark : Benchmark
{
    private const int MostSilos = 3;

    private static BenchmarkFlow Flow => BenchmarkFlow.Standard;

    /// <inheritdoc/>
    public override string Name => "cluster";

    /// <inheritdoc/>
    public override string Question => "how much does a cluster of silos score, and does it lose a request when one is killed?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--seconds"] = "how long each load lasts; 5 by default",
        ["--kills"] = "silos that are killed under load; 10 by default",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        string folder = Directory.CreateTempSubdirectory("realnvp-cluster-").FullName;
        try
        {
            Measure(context, folder).GetAwaiter().GetResult();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task Measure(BenchmarkContext context, string folder)
    {
        var duration = TimeSpan.FromSeconds(context.Arguments.Count("--seconds") ?? 5);
        int kills = context.Arguments.Count("--kills") ?? 10;
        float[][] rows = Flow.Rows(4_096);
        float[] expected = OneProcess(Path.Combine(folder, "flow.rnvp"), rows);
        await using var cluster = Cluster.Start(folder);
        var table = new MarkdownTable("silos", "requests/s", "rows/s", "p50 ms", "p99 ms", "tried again", "failed");
        long failed = 0, wrong = 0, scored = 0;
        int rowsPerRequest = 0, callers = 0;
        for (int silos = 1; silos <= MostSilos; silos++)
        {
            context.Progress.Show("silos", silos - 1, MostSilos);
            await cluster.StartSilo();
            await using var load = await ClusterLoad.Connect(cluster, "flow", rows, expected);
            (rowsPerRequest, callers) = (load.RowsPerRequest, load.Callers);
            await load.Run(duration / 2); // models are loaded, the runtime compiles
            int answering = (await load.Silos()).Count;
            if (answering != silos)
                throw new BenchmarkFailedException($"{answering} silos answer, {silos} are there.");
            LoadResult result = Count(await load.Run(duration));
            table.Add($"{silos}", Report.Number(result.Answered / result.Seconds),
                Report.Number(rowsPerRequest * result.Answered / result.Seconds), Report.Number(result.Percentile(0.5)),
                Report.Number(result.Percentile(0.99)), $"{result.Retried}", $"{result.Failed}");
        }
        (LoadResult disturbed, double[] back) = await Kill(context, cluster, rows, expected, kills, duration);
        double median = back.Order().ElementAt(back.Length / 2);
        Count(disturbed);
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            {Flow}, silos as processes on loopback, clustered by {cluster.Kind}; {callers} callers, each with one request of
            {rowsPerRequest} rows at a time, which they try again up to nine times. Silos, callers and other work share the cores of one
            machine: more silos are no more cores here, they are what is left when one goes.
            """));
        context.Report.Add(table);
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            Under the same load {kills} times one of three silos was killed (SIGKILL) and, {duration.TotalSeconds:F0} s later, started
            again: {disturbed.Answered:N0} requests in {disturbed.Seconds:F0} s, {disturbed.Retried} tried again, {disturbed.Failed}
            failed, p50 {disturbed.Percentile(0.5):F1} ms, p99 {disturbed.Percentile(0.99):F1} ms, the slowest
            {disturbed.Percentile(1):F0} ms. Half a second had 80 % of the requests of the two seconds before a kill {median:F1} s
            after it (median; at most {back.Max():F1} s). Of {scored:N0} scores in all {wrong} were unlike those of one process.
            """));
        context.Report.Add(new Figure("cluster.failed_requests", failed, "requests", 0, "none may fail", failed == 0 ? 1 : 0));
        context.Report.Add(new Figure("cluster.wrong_scores", wrong, "scores", 0, "none may be wrong", wrong == 0 ? 1 : 0));
        if (failed + wrong > 0)
            throw new BenchmarkFailedException($"{failed} requests failed, {wrong} scores were wrong.");

        LoadResult Count(LoadResult result)
        {
            (failed, wrong, scored) = (failed + result.Failed, wrong + result.Wrong, scored + (long)rowsPerRequest * result.Answered);
            return result;
        }
    }

    /// <summary>Kills silos in turn, the first one excepted, which under development clustering must stay.</summary>
    private static async Task<(LoadResult Result, double[] Back)> Kill(BenchmarkContext context, Cluster cluster, float[][] rows,
        float[] expected, int kills, TimeSpan duration)
    {
        await using var load = await ClusterLoad.Connect(cluster, "flow", rows, expected);
        using var end = new CancellationTokenSource();
        var time = Stopwatch.StartNew();
        Task<LoadResult> running = load.Run(TimeSpan.FromHours(1), end.Token);
        List<double> moments = [];
        for (int i = 0; i < kills; i++)
        {
            context.Progress.Show("silos killed", i, kills);
            await Task.Delay(duration);
            moments.Add(time.Elapsed.TotalSeconds);
            cluster.Kill(1 + i % (MostSilos - 1));
            await Task.Delay(duration);
            await cluster.StartSilo(1 + i % (MostSilos - 1));
        }
        await Task.Delay(duration);
        await end.CancelAsync();
        LoadResult result = await running;
        return (result, [.. moments.Select(moment => BackAfter(result.PerSecond, moment))]);
    }

    /// <summary>Seconds from a moment until half a second has 80 % of the requests of the two seconds before.</summary>
    private static double BackAfter(double[] perSecond, double moment)
    {
        int kill = (int)(10 * moment);
        double before = perSecond[Math.Max(0, kill - 20)..kill].Average();
        for (int i = kill + 1; i + 5 <= perSecond.Length; i++)
        {
            if (perSecond[i..(i + 5)].Average() >= 0.8 * before)
                return (i - kill) / 10.0;
        }
        return double.PositiveInfinity;
    }

    private static float[] OneProcess(string path, float[][] rows)
    {
        var mlContext = new MLContext();
        var model = Flow.Build();
        model.Save(path);
        using RealNvpTransformer flow = mlContext.Transforms.ApplyRealNvp(model).Fit(Tables.Cached(mlContext, rows));
        return [.. flow.Transform(Tables.Cached(mlContext, rows)).GetColumn<float>("Score")];
    }
}
