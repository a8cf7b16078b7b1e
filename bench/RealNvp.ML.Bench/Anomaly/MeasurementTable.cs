using System.Globalization;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>All measurements as comma-separated values, for other programs.</summary>
internal static class MeasurementTable
{
    /// <summary>Writes one line per detector, set and seed.</summary>
    public static void Write(string path, string protocol, IEnumerable<SetResult> results)
    {
        IEnumerable<string> lines = results.SelectMany(result => result.Runs.Values.SelectMany(runs => runs))
            .Select(run => string.Create(CultureInfo.InvariantCulture,
                $"{protocol},{run.Set},{run.Seed},{run.Detector},{run.Auroc:F4},{run.Aupr:F4},{run.Recall:F4},"
                    + $"{run.NonFinite},{run.FitSeconds:F3},{run.ScoreSeconds:F3}"));
        File.WriteAllLines(path,
            ["protocol,set,seed,detector,auroc,aupr,recall_at_1_percent,rows_without_finite_score,fit_seconds,score_seconds", .. lines]);
    }
}
