using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>What this sample prints.</summary>
internal static class Report
{
    private static readonly string[] s_shownFeatures = ["mean radius", "mean smoothness", "error of area", "worst concavity",
        "worst texture"];

    /// <summary>How well malignant rows are told from fresh benign ones.</summary>
    public static void Detection(RealNvpTransformer flow, ScoredRow[] scored, AnomalyDetectionMetrics metrics, AnomalyDetectionMetrics pca)
    {
        Calibration held = flow.Model.Calibration;
        Console.WriteLine($"""

            {scored.Count(row => row.Label == 0)} fresh benign rows and {scored.Count(row => row.Label == 1)} malignant ones
                                                AUROC   found at 10 false alarms
              Real NVP                          {metrics.AreaUnderRocCurve:F3}   {metrics.DetectionRateAtFalsePositiveCount:P1}
              RandomizedPca, best of 10 tries   {pca.AreaUnderRocCurve:F3}   {pca.DetectionRateAtFalsePositiveCount:P1}
              rows without a finite score: {scored.Count(row => !float.IsFinite(row.Score))}

            threshold {flow.Threshold:F1} nats, from {held.Count} held-out rows for a contamination of {held.Contamination:P0}
              fresh benign rows flagged  {ScoredRow.Flagged(scored, label: 0),6:P1}
              malignant rows flagged     {ScoredRow.Flagged(scored, label: 1),6:P1}
            """);
    }

    /// <summary>Whether the saved model scores as the one in memory.</summary>
    public static void Reload(ScoredRow[] before, ScoredRow[] after)
        => Console.WriteLine("\nsaved and loaded again, scores differ by at most "
            + $"{before.Zip(after, (a, b) => Math.Abs(a.Score - b.Score)).Max()}");

    /// <summary>Real rows beside rows that the flow made up.</summary>
    public static void Samples(float[][] real, float[][] drawn)
    {
        Console.WriteLine($"\n{"",-19}{$"{real.Length} fresh benign rows",22}{$"{drawn.Length} sampled rows",22}");
        foreach (string feature in s_shownFeatures)
        {
            int i = Array.IndexOf(BreastCancer.Features, feature);
            Console.WriteLine($"  {feature,-17}{Spread(real, i),22}{Spread(drawn, i),22}");
        }
    }

    private static string Spread(float[][] rows, int feature)
    {
        double mean = rows.Average(row => row[feature]);
        double deviation = Math.Sqrt(rows.Average(row => Math.Pow(row[feature] - mean, 2)));
        return $"{mean:G3} +- {deviation:G2}";
    }
}
