using System.Globalization;
using Microsoft.ML;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Small;

/// <summary>Fits drawn tables of few rows by default, and compares held-out rows by each flow and by itself before training.</summary>
internal sealed class SmallBenchmark : Benchmark
{
    private const int DefaultTables = 40, HeldOut = 2000, FirstSeed = 100;

    private static readonly (int Least, int Most)[] s_sizes = [(30, 60), (100, 200)];

    /// <inheritdoc/>
    public override string Name => "small";

    /// <inheritdoc/>
    public override string Question => "is a flow of a few dozen rows ever worse than none?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--tables"] = $"of each size; {DefaultTables} by default",
        ["--workers"] = "fits side by side; as many as there are cores by default",
        ["--experiment"] = "other trainer options, as Noise=0.1,Dropout=0; no figures",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var experiment = new Experiment(context.Arguments["--experiment"]);
        int tables = context.Arguments.Count("--tables") ?? DefaultTables;
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            {tables} drawn tables of each size, of 2 to 8 columns: normal, skewed, whole numbers, yes or no, two modes, heavy tails; some
            follow others. {(experiment.IsDefault ? "The trainer's defaults" : $"An experiment, {experiment}")}. Nats by which the mean of
            {HeldOut:N0} more rows of a table is more likely than by the flow before its first step.
            """));
        var table = new MarkdownTable("Rows", "tables", "worse than untrained", "by more than 0.3", "the worst (their seeds)",
            "a tenth is below", "the median");
        context.Report.Add(table);
        foreach ((int least, int most) in s_sizes)
        {
            double[] gains = new double[tables];
            int done = 0;
            Workers.Run([.. Enumerable.Range(0, tables)], context.Arguments.Count("--workers") ?? Environment.ProcessorCount, i =>
            {
                gains[i] = Gain(new MixedTable(FirstSeed + i, least, most), experiment);
                context.Progress.Show($"{least} to {most} rows", Interlocked.Increment(ref done), tables);
            });
            int[] seeds = [.. Enumerable.Range(FirstSeed, tables)];
            Array.Sort(gains, seeds);
            int worse = gains.Count(gain => gain < 0);
            table.Add($"{least} to {most}", $"{tables}", $"{worse}", $"{gains.Count(gain => gain < -0.3)}",
                string.Join(", ", gains.Zip(seeds).Take(4).Select(pair => $"{Text(pair.First)} ({pair.Second})")),
                Text(gains[tables / 10]), Text(gains[tables / 2]));
            if (experiment.IsDefault)
                context.Report.Add(new Figure($"small.{least}.worse", worse, "tables", tables, "all", 1 - worse / (double)tables));
        }
    }

    /// <summary>By how many nats the mean of more rows of a table is more likely by a flow than by itself before its first step.</summary>
    public static double Gain(MixedTable table, Experiment experiment)
    {
        float[][] held = table.Draw(HeldOut);
        return Mean(experiment.Options()) - Mean(experiment.Untrained());

        double Mean(RealNvpTrainer.Options options)
        {
            var ml = new MLContext(seed: 1);
            (options.Seed, options.Threads) = (1, 1);
            using RealNvpTransformer flow = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Tables.Cached(ml, table.Rows));
            return flow.LogLikelihoods(held).Average(value => (double)value);
        }
    }

    private static string Text(double value) => value.ToString("F2", CultureInfo.InvariantCulture);
}
