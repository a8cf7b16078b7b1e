using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// Scores, predicts row by row, samples, loads and saves for as long as it is let; the resident memory of the process must not grow.
/// </summary>
internal static class SoakCheck
{
    private const double WarmUp = 0.25, MostMiBPerHour = 64, MostMiB = 24;

    public static void Run(BenchmarkContext context, TimeSpan time, List<string> failures)
    {
        var ml = new MLContext(seed: 1);
        using RealNvpTransformer trained = SmallTrainings.Fit("table", 50);
        IDataView rows = ml.Data.Cache(SmallTrainings.Rows(ml, images: false, count: 20_000));
        using var folder = new Scratch();
        string path = folder["model.zip"];
        var readings = new List<(double Hours, double MiB)>();
        long scored = 0, loads = 0, start = Stopwatch.GetTimestamp();
        for (TimeSpan elapsed; (elapsed = Stopwatch.GetElapsedTime(start)) < time;)
        {
            context.Progress.Show("soak: scoring", (int)elapsed.TotalSeconds, (int)time.TotalSeconds);
            ml.Model.SaveAtomically(trained, rows.Schema, path);
            ITransformer loaded = ml.Model.Load(path, out _);
            loads++;
            IDataView result = loaded.Transform(rows);
            scored += result.GetColumn<float>("Score").LongCount() + result.GetColumn<bool>("PredictedLabel").LongCount();
            scored += loaded.FindRealNvp().Sample(5000, seed: (int)loads).GetColumn<float[]>("Features").LongCount();
            ((IDisposable)loaded).Dispose();
            if (elapsed > WarmUp * time)
                readings.Add((elapsed.TotalHours, ProcessMemory.Resident / 1048576.0));
        }
        if (readings.Count < 10)
        {
            failures.Add("soak: too short to tell anything: raise --minutes.");
            return;
        }
        double slope = Slope(readings), rise = readings.TakeLast(readings.Count / 4).Average(reading => reading.MiB)
            - readings.Take(readings.Count / 4).Average(reading => reading.MiB);
        context.Report.Add("## Scoring for long\n\nA model is saved, loaded, scored with, sampled from and disposed of, again and again; "
            + $"resident memory after each round, the first {WarmUp:P0} of the time left out.");
        var table = new MarkdownTable("Minutes", "Million rows", "Loads", "MiB at first", "MiB at the end", "MiB per hour");
        table.Add(Number(time.TotalMinutes), Number(scored / 1e6), Number(loads), Number(readings[0].MiB), Number(readings[^1].MiB),
            Number(slope));
        context.Report.Add(table);
        if (slope > MostMiBPerHour && rise > MostMiB)
            failures.Add($"soak: memory grows by {slope:F0} MiB an hour.");
    }

    private static double Slope(List<(double Hours, double MiB)> readings)
    {
        double x = readings.Average(reading => reading.Hours), y = readings.Average(reading => reading.MiB);
        return readings.Sum(reading => (reading.Hours - x) * (reading.MiB - y)) / readings.Sum(reading => Math.Pow(reading.Hours - x, 2));
    }

    private static string Number(double value) => value.ToString("N1", CultureInfo.InvariantCulture);
}
