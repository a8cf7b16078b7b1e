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
/// Rows per second through a scoring pipeline, beside ML.NET's own way to run the same graph and beside ONNX Runtime without ML.NET.
/// </summary>
internal sealed class ScoringBenchmark : Benchmark
{
    private const string Transform = "RealNvpTransformer.Transform, all 5 outputs read";
    private const string Stock = "ApplyOnnxModel, LogLikelihood and Latent";
    private const string StockDecision = "ApplyOnnxModel, exported graph, all 5 outputs";
    private const string RawCursor = "raw ONNX Runtime, rows from the same cursor";
    private const string RawArrays = "raw ONNX Runtime, rows from arrays";
    private const string OneCore = "the same on one core, RealNvpCores.Max = 1";
    private const string FourCursors = "the same through four cursors at once";
    private const string BestRaw = "raw ONNX Runtime at its best";

    // so many that a call takes about a tenth of a second
    private const int Batch = FlowRuntime.DefaultBatchSize;
    private const int BatchedRows = 400 * Batch, StockRows = 2_000;

    /// <inheritdoc/>
    public override string Name => "scoring";

    /// <inheritdoc/>
    public override string Question => "how many rows per second does a pipeline score?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--cores"] = "instead, how scoring grows with cores: their numbers, as 1,2,4,8,16 (Linux)",
        ["--seconds"] = "with --cores, how long it takes; 60 by default",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        if (context.Arguments["--cores"] is { } cores)
        {
            new ScoringByCores(context).Run([.. cores.Split(',').Select(text => Count(text, cores))]);
            return;
        }
        context.Report.Add($"""
            All read the same rows from ML.NET's cache, in rounds of random order; medians of rates, and medians of the ratios within each
            round.
            Ours reads through one cursor, except where the line says otherwise; raw ONNX Runtime works in batches of {Batch} on one core
            with the same session options, and at its best with what is fastest here; ApplyOnnxModel works row by row.
            """);
        SingleRows.FirstScore(context);
        Contest standard = Measure(context, BenchmarkFlow.Standard);
        Measure(context, BenchmarkFlow.Large);
        context.Report.Add(Figure("scoring.vs_apply_onnx_model", standard, Transform, Stock));
        context.Report.Add(Figure("scoring.vs_raw_ort", standard, OneCore, RawCursor));
        context.Report.Add(Figure("scoring.vs_best_raw_ort", standard, Transform, BestRaw));
        context.Report.Add(Figure("scoring.all_cores", standard, Transform, OneCore));
        SingleRows.Measure(context);
    }

    private static Figure Figure(string name, Contest contest, string ours, string baseline)
        => new(name, contest.Rate(ours), "rows/s", contest.Rate(baseline), baseline, contest.Ratio(ours, baseline));

    private static int Count(string text, string cores)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
        ? count
        : throw new BenchmarkFailedException($"--cores is '{cores}', expected numbers from 1 on, such as 1,2,4.");

    private static Contest Measure(BenchmarkContext context, BenchmarkFlow flow)
    {
        var ml = new MLContext(seed: 1);
        FlowModel model = flow.Build();
        IDataView data = Tables.Cached(ml, flow.Rows(BatchedRows));
        byte[] lean = model.BuildDensityGraph(DensityOutputs.Latent);
        using RealNvpTransformer transformer = ml.Transforms.ApplyRealNvp(model).Fit(data);
        using var stock = new StockScorer(ml, lean, data, "LogLikelihood", "Latent");
        using var stockDecision = new StockScorer(ml, model.BuildDensityGraph(), data, "LogLikelihood", "Score", "PredictedLabel",
            "PValue", "Latent");
        using var raw = new RawScorer(lean, flow.Features, Batch, data);
        (int Batch, int Threads) best = RawScorer.Best(lean, flow.Features, data, BatchedRows);
        using var bestRaw = new RawScorer(lean, flow.Features, best.Batch, data, best.Threads);
        IDataView scored = transformer.Transform(data);

        Contest contest = Contest.Run(context.Progress, $"scoring {flow}", context.Arguments.Rounds ?? 51,
            new Contender(Transform, BatchedRows, rows => ScoredReader.Read(scored, rows)),
            new Contender(OneCore, BatchedRows, rows => Cores.Limited(1, () => ScoredReader.Read(scored, rows))),
            new Contender(FourCursors, BatchedRows, rows => AtOnce(4, () => ScoredReader.Read(scored, rows / 4))),
            new Contender(BestRaw, BatchedRows, bestRaw.FromArrays),
            new Contender(RawCursor, BatchedRows, raw.FromCursor),
            new Contender(RawArrays, BatchedRows, raw.FromArrays),
            new Contender(Stock, StockRows, stock.Read),
            new Contender(StockDecision, StockRows, stockDecision.Read));

        var table = new MarkdownTable(flow.ToString(), "rows/s", "Transform is so many times as fast");
        foreach (string name in new[] { Transform, OneCore, FourCursors, Stock, StockDecision, RawCursor, RawArrays, BestRaw })
            table.Add(name == BestRaw ? $"{name}: batches of {best.Batch}, threads {best.Threads}" : name,
                Report.Number(contest.Rate(name)), Report.Number(contest.Ratio(Transform, name)));
        context.Report.Add(table);
        return contest;
    }

    private static double AtOnce(int count, Func<double> read)
    {
        double[] sums = new double[count];
        Thread[] threads = [.. Enumerable.Range(0, count).Select(i => new Thread(() => sums[i] = read()))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        return sums.Sum();
    }
}
