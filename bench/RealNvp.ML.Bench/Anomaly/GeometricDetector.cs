using System.Diagnostics;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>
/// A detector by distances between standardised rows: columns less their training means, over their training standard deviations (1 for
/// constant ones), as scikit-learn's StandardScaler gives them to the published baselines.
/// </summary>
internal abstract class GeometricDetector : Detector
{
    /// <inheritdoc/>
    public override string Fingerprint => "standardised, 1";

    /// <inheritdoc/>
    public override DetectorRun Run(float[][] train, float[][] test, int seed)
    {
        long start = Stopwatch.GetTimestamp();
        (double[] means, double[] deviations) = Moments(train);
        float[][] from = Standardised(train, means, deviations), to = Standardised(test, means, deviations);
        double fitSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        start = Stopwatch.GetTimestamp();
        float[] scores = Scores(from, to);
        return new DetectorRun(scores, null, fitSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>The scores of standardised rows.</summary>
    protected abstract float[] Scores(float[][] train, float[][] test);

    private static (double[] Means, double[] Deviations) Moments(float[][] rows)
    {
        int features = rows[0].Length;
        var means = new double[features];
        var deviations = new double[features];
        for (int j = 0; j < features; j++)
        {
            double mean = rows.Average(row => (double)row[j]);
            double deviation = Math.Sqrt(rows.Average(row => (row[j] - mean) * (row[j] - mean)));
            (means[j], deviations[j]) = (mean, deviation > 1e-12 * Math.Max(1, Math.Abs(mean)) ? deviation : 1);
        }
        return (means, deviations);
    }

    private static float[][] Standardised(float[][] rows, double[] means, double[] deviations)
        => Array.ConvertAll(rows, row => row.Select((value, j) => (float)((value - means[j]) / deviations[j])).ToArray());
}
