using System.Globalization;
using Microsoft.ML;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>
/// How scoring grows with the cores it may use: through one cursor and through one per core, beside ONNX Runtime's two ways to use as many.
/// </summary>
internal sealed class ScoringByCores(BenchmarkContext context)
{
    private const string One = "RealNvpTransformer.Transform, one cursor";
    private const string Cursors = "RealNvpTransformer.Transform, a cursor per core";
    private const string Calls = "raw ONNX Runtime, a call per core";
    private const string Threads = "raw ONNX Runtime, all cores in one call";
    private const int Batch = FlowRuntime.DefaultBatchSize, LargeBatch = 16 * Batch, Rows = 400 * Batch;
    private const int Rounds = 5, DefaultSeconds = 60;

    private static readonly string[] s_ways = [One, Cursors, Calls, Threads];

    /// <summary>Measures, and adds what was found.</summary>
    /// <param name="counts">The numbers of cores.</param>
    public void Run(int[] counts)
    {
        int[] allowed = Affinity.Allowed();
        int[] measured = [.. counts.Where(count => count <= allowed.Length).Distinct().Order()];
        if (measured.Length == 0)
            throw new BenchmarkFailedException($"--cores is '{string.Join(',', counts)}', but {allowed.Length} cores can be chosen here.");
        double seconds = context.Arguments.Count("--seconds") ?? DefaultSeconds;
        context.Report.Add($"""
            Threads are kept to so many cores, physical ones before their second threads, except those that compute for one cursor: they
            are no more than the cores. A call per core works in batches of {Batch}, one call on all cores in batches of {LargeBatch};
            {Rounds} rounds, medians.
            """);
        if (counts.Except(measured).ToArray() is { Length: > 0 } missing)
            context.Report.Add($"Left out: {string.Join(", ", missing)} cores, for the machine has {allowed.Length}.");
        double slice = seconds / (2 * measured.Length * s_ways.Length * (Rounds + 1)); // the round more warms up
        foreach (BenchmarkFlow flow in (BenchmarkFlow[])[BenchmarkFlow.Standard, BenchmarkFlow.Large])
        {
            Measure(flow, measured, allowed, slice);
            context.Save();
        }
    }

    private void Measure(BenchmarkFlow flow, int[] counts, int[] allowed, double slice)
    {
        var rates = new Dictionary<(string Way, int Count), double[]>();
        foreach (int count in counts)
        {
            int[] cores = allowed[..count];
            using var ways = new Ways(flow, cores);
            foreach (string way in s_ways)
                rates[(way, count)] = new double[Rounds];
            for (int round = -1; round < Rounds; round++)
            {
                context.Progress.Show($"scoring {flow} on {count} cores", round + 1, Rounds + 1);
                foreach (string way in s_ways)
                {
                    double rate = Cores.Limited(way == One ? count : 1, () => ParallelWork.Rate(cores, slice, ways.Of(way)));
                    if (round >= 0)
                        rates[(way, count)][round] = rate;
                }
            }
        }
        string[] header = [.. counts.Select(count => count.ToString(CultureInfo.InvariantCulture))];
        var table = new MarkdownTable([$"{flow}: rows/s by cores", .. header]);
        foreach (string way in s_ways)
        {
            table.Add([way, .. counts.Select(count => Report.Number(Rate(way, count)))]);
            table.Add([$"  times that of {counts[0]}", .. counts.Select(count => Report.Number(Rate(way, count) / Rate(way, counts[0])))]);
        }
        context.Report.Add(table);
        if (flow != BenchmarkFlow.Standard)
            return;
        int most = counts[^1];
        double ours = Math.Max(Rate(One, most), Rate(Cursors, most)), theirs = Math.Max(Rate(Calls, most), Rate(Threads, most));
        string baseline = $"raw ONNX Runtime on as many cores, {most}";
        context.Report.Add(new Figure("scoring.cores.vs_raw_ort", ours, "rows/s", theirs, baseline, ours / theirs));

        double Rate(string way, int count) => Contest.Median(rates[(way, count)]);
    }

    /// <summary>The ways to score on some cores, each ready to go.</summary>
    private sealed class Ways : IDisposable
    {
        private readonly RealNvpTransformer _transformer;
        private readonly OnnxRun[] _runs;
        private readonly OnnxRun _large;
        private readonly Dictionary<string, Func<int>[]> _work;

        public Ways(BenchmarkFlow flow, int[] cores)
        {
            var ml = new MLContext(seed: 1);
            FlowModel model = flow.Build();
            float[][] rows = flow.Rows(Rows);
            IDataView[] views = [.. cores.Select(_ => Tables.Cached(ml, rows))];
            _transformer = ml.Transforms.ApplyRealNvp(model).Fit(views[0]);
            IDataView[] scored = [.. views.Select(_transformer.Transform)];
            byte[] graph = model.BuildDensityGraph(DensityOutputs.Latent);
            // the threads of a session stay where the one that makes it may run
            OnnxRun New(int batch, int threads) => ParallelWork.On(cores, () => new OnnxRun(
                graph, batch, ("Features", flow.Features), threads, ("LogLikelihood", 1), ("Latent", flow.Features)));
            _runs = [.. cores.Select(_ => New(Batch, threads: 1))];
            _large = New(LargeBatch, cores.Length);
            foreach (OnnxRun run in _runs.Append(_large))
            {
                for (int i = 0; i < run.Input.Length; i++)
                    run.Input[i] = rows[i / flow.Features % Rows][i % flow.Features];
            }
            _work = new()
            {
                [One] = [Read(scored[0])],
                [Cursors] = [.. scored.Select(Read)],
                [Calls] = [.. _runs.Select(run => Work(run, Batch))],
                [Threads] = [Work(_large, LargeBatch)],
            };
        }

        public Func<int>[] Of(string way) => _work[way];

        public void Dispose()
        {
            foreach (OnnxRun run in _runs)
                run.Dispose();
            _large.Dispose();
            _transformer.Dispose();
        }

        private static Func<int> Read(IDataView scored) => () => double.IsNaN(ScoredReader.Read(scored, Rows)) ? 0 : Rows;

        private static Func<int> Work(OnnxRun run, int batch) => () =>
        {
            run.Run();
            return batch;
        };
    }
}
