using RealNvp.ML.Export;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>What one fit gave for the test rows.</summary>
/// <param name="Scores">One per test row.</param>
/// <param name="Calibration">A flow's held-out scores; null for other detectors.</param>
/// <param name="FitSeconds">The time to fit.</param>
/// <param name="ScoreSeconds">The time to score.</param>
internal sealed record DetectorRun(float[] Scores, Calibration? Calibration, double FitSeconds, double ScoreSeconds)
{
    /// <summary>Scores of the same flow before its first step; null for other detectors.</summary>
    public float[]? Untrained { get; init; }
}
