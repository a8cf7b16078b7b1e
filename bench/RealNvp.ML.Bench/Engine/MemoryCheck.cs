using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Engine;

/// <summary>Trains for many steps, once from rows in memory and once from a stream, and watches what the process holds.</summary>
internal static class MemoryCheck
{
    private const int Rows = 5000;

    /// <summary>Trains, reports, and fails where memory grows.</summary>
    /// <exception cref="BenchmarkFailedException">It does.</exception>
    public static void Run(BenchmarkContext context, long steps)
    {
        var table = new MarkdownTable("Rows", "Steps", "Tensors when warm", "at the end", "most", "MiB when warm", "at the end", "most",
            "Seconds");
        var failures = new List<string>();
        foreach (bool streamed in new[] { false, true })
        {
            string name = streamed ? "streamed" : "in memory";
            var ml = new MLContext(seed: 1);
            long start = Stopwatch.GetTimestamp();
            MemoryWatch watch = MemoryRun.Run(ml, new WarpedGaussian().View(ml, 0, Rows), streamed, steps,
                progress => context.Progress.Show($"memory: rows {name}", (int)progress.Step, (int)progress.Steps));
            IReadOnlyList<MemoryWatch.Reading> warm = watch.Warm;
            table.Add(name, Whole(steps), Whole(warm[0].Tensors), Whole(warm[^1].Tensors), Whole(warm.Max(reading => reading.Tensors)),
                Whole(warm[0].Resident >> 20), Whole(warm[^1].Resident >> 20), Whole(warm.Max(reading => reading.Resident) >> 20),
                    Whole(Stopwatch.GetElapsedTime(start).TotalSeconds));
            if (watch.Growth() is { } growth)
                failures.Add($"Rows {name}: {growth}");
        }
        context.Report.Add($"""
            ## Memory

            {Whole(steps)} optimizer steps on {Rows} rows, with averaged weights, a plateau schedule, batch norm, learned linear maps,
            learned marginals and trimming. Live tensors and resident
            memory are read after each of the evaluations; the first fifth of the readings is warm-up. Fails where a later reading has
            more tensors than the first one after
            it, or where the middle of the last quarter of the resident sizes is more than 3 % and 24 MiB above that of the first.
            """);
        context.Report.Add(table);
        if (failures.Count > 0)
            throw new BenchmarkFailedException(string.Join('\n', failures));
    }

    private static string Whole(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
