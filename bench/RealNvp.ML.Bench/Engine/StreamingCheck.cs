using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Engine;

/// <summary>
/// Trains on rows that are made while they are read, in an epoch that sees all of them, and compares the flow with the density that made
/// them.
/// </summary>
internal static class StreamingCheck
{
    private const long MostMemory = 2L << 30;
    private const int BatchSize = 1024, HeldOut = 50_000;

    /// <summary>The flow may be this many nats below the truth.</summary>
    private const double MostGap = 0.25;

    /// <summary>Trains, reports, and fails where the memory or the likelihood is not as it should be.</summary>
    /// <exception cref="BenchmarkFailedException">It is not.</exception>
    public static void Run(BenchmarkContext context, long rows)
    {
        var ml = new MLContext(seed: 1);
        var source = new WarpedGaussian();
        TrainingProgress? last = null;
        var options = new RealNvpTrainer.Options
        {
            Epochs = 1,
            BatchSize = BatchSize,
            Noise = 0,    // so many rows cannot be learned by heart
            Dropout = 0,
            Patience = 0,
            Memory = new()
            {
                // smaller sets too
                ResidentLimit = Math.Min(new MemoryOptions().ResidentLimit, rows * WarpedGaussian.Features * sizeof(float) / 2),
            },
            Progress = new Receiver(progress =>
            {
                last = progress;
                context.Progress.Show("streaming: one epoch", (int)progress.Step, (int)progress.Steps);
            }),
        };
        context.Progress.Show("streaming: counting rows, then statistics and slices", 0, 1);
        long before = ProcessMemory.Peak, start = Stopwatch.GetTimestamp();
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(source.View(ml, 0, rows));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long peak = ProcessMemory.Peak;

        double training = last!.Elapsed.TotalSeconds;
        double trained = (double)last.Steps * BatchSize;
        double found = model.Transform(source.View(ml, rows, HeldOut)).GetColumn<float>("LogLikelihood").Average(value => (double)value);
        double truth = Enumerable.Range(0, HeldOut).Average(i => source.LogLikelihood(rows + i));

        context.Report.Add($"""
            ## Streaming

            {Whole(rows)} rows of {WarpedGaussian.Features} values ({Whole(rows * WarpedGaussian.Features * sizeof(float) / (1 << 20))}
            MiB as float32) are made while an `IDataView` cursor reads
            them and are never in memory together. Training reads them three times: to count them, for statistics and the held-out slices,
            and for one epoch, in which every
            training row is in a batch once: {Whole(last.Steps)} steps of {BatchSize} rows ({model.Model.Metadata.Training["rows"]}
            training rows), on one thread, all other options but noise and
            dropout (0) as they are by default. The rows are a bent and rotated normal distribution, so that the true density is known.
            Fails above {MostMemory >> 20} MiB, and {MostGap} nats below the truth.
            """);
        var table = new MarkdownTable("Measured", "Value", "Unit");
        table.Add("peak resident memory of the process", Whole(peak >> 20), "MiB");
        table.Add("of that before training began", Whole(before >> 20), "MiB");
        table.Add("log-likelihood of fresh rows", Three(found), "nats");
        table.Add("their true log-likelihood", Three(truth), "nats");
        table.Add("a normal with the true mean and covariance", Three(WarpedGaussian.GaussianLogLikelihood), "nats");
        table.Add("the two passes before training", Report.Number(2 * rows / (seconds - training)), "rows/s");
        table.Add("the epoch", Report.Number(trained / training), "rows/s");
        table.Add("the whole fit", Whole(seconds), "s");
        context.Report.Add(table);
        context.Report.Add(new Figure("engine.streaming.peak_memory", peak >> 20, "MiB", MostMemory >> 20, "the most that is allowed",
            (double)MostMemory / peak));
        context.Report.Add(new Figure("engine.streaming.log_likelihood", found, "nats", truth, "the density that made the rows",
            Math.Exp(found - truth)));
        if (peak > MostMemory)
            throw new BenchmarkFailedException($"The peak of resident memory is {peak >> 20} MiB, expected at most {MostMemory >> 20}.");
        if (!(found > truth - MostGap))
            throw new BenchmarkFailedException($"The log-likelihood of fresh rows is {Three(found)}, expected at least "
                + $"{Three(truth - MostGap)}.");
    }

    private static string Three(double value) => value.ToString("F3", CultureInfo.InvariantCulture);

    private static string Whole(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
