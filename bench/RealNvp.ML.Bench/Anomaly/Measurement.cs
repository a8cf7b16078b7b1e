using System.Text.Json.Serialization;
using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>One fit and what its scores were worth.</summary>
/// <param name="Detector">Who fitted.</param>
/// <param name="Set">On which set.</param>
/// <param name="Seed">Which split, and the trainer's seed.</param>
/// <param name="Key">Changes when the data, the options or the code do.</param>
/// <param name="Auroc">Percent, over the rows with a finite score; NaN where these lack anomalies or normal rows.</param>
/// <param name="Aupr">Percent, over the same rows.</param>
/// <param name="Recall">Percent of the anomalies that are found where 1 % of the normal rows are flagged, over the same rows.</param>
/// <param name="TypicalityAuroc">Percent, of |score - mean held-out score|; NaN except for a flow.</param>
/// <param name="Shift">The median score of the fresh normal rows less the mean held-out score, in standard deviations of the held-out
/// scores; NaN except for a flow. Far from 0 the test rows called normal are not like the training rows.</param>
/// <param name="NonFinite">Test rows without a finite score.</param>
/// <param name="FitSeconds">On one thread, while other fits ran beside it.</param>
/// <param name="ScoreSeconds">For all test rows.</param>
/// <param name="Gain">By how many nats the mean of the fresh normal rows is more likely than by the flow before its first step; NaN except
/// for a flow.</param>
internal sealed record Measurement(
    string Detector, string Set, int Seed, string Key, double Auroc, double Aupr, double Recall, double TypicalityAuroc, double Shift,
        int NonFinite,
        double FitSeconds, double ScoreSeconds, double Gain)
    : IMeasurement
{
    /// <inheritdoc/>
    [JsonIgnore]
    public int Part => Seed;

    /// <summary>Evaluates scores.</summary>
    public static Measurement Of(Detector detector, string set, int seed, string key, bool[] anomalies, DetectorRun run)
    {
        if (run.Scores.Length != anomalies.Length)
            throw new InvalidOperationException($"{run.Scores.Length} scores for {anomalies.Length} rows.");
        int[] finite = [.. Enumerable.Range(0, anomalies.Length).Where(row => float.IsFinite(run.Scores[row]))];
        float[] scores = Array.ConvertAll(finite, row => run.Scores[row]);
        bool[] labels = Array.ConvertAll(finite, row => anomalies[row]);
        bool ranks = labels.Contains(true) && labels.Contains(false);
        return new Measurement(detector.Name, set, seed, key,
            ranks ? 100 * RankMetrics.Auroc(scores, labels) : double.NaN,
            ranks ? 100 * RankMetrics.AveragePrecision(scores, labels) : double.NaN,
            ranks ? 100 * RankMetrics.Recall(scores, labels, falseAlarms: 0.01) : double.NaN,
            ranks && run.Calibration is { } calibration ? 100 * RankMetrics.Auroc(Array.ConvertAll(scores, calibration.Typicality), labels)
                : double.NaN,
            NormalShift(scores, labels, run.Calibration),
            anomalies.Length - finite.Length, run.FitSeconds, run.ScoreSeconds,
            run.Untrained is { } untrained
                ? finite.Where(row => !anomalies[row]).Select(row => (double)untrained[row] - run.Scores[row]).DefaultIfEmpty(double.NaN)
                    .Average()
                : double.NaN);
    }

    private static double NormalShift(float[] scores, bool[] labels, Calibration? calibration)
    {
        float[] normal = [.. scores.Where((_, row) => !labels[row]).Order()];
        if (calibration is null || calibration.Count < 2 || normal.Length == 0)
            return double.NaN;
        double deviation = Math.Sqrt(calibration.Scores.Average(score => Math.Pow(score - calibration.MeanScore, 2)));
        return (normal[normal.Length / 2] - calibration.MeanScore) / deviation;
    }
}
