namespace RealNvp.ML.Bench.Anomaly;

/// <summary>All seeds of a set.</summary>
/// <param name="Set">Its name.</param>
/// <param name="Flow">The flow's measurements, one per seed.</param>
/// <param name="Pca">The baseline's, of the same splits.</param>
/// <param name="Diagnosis">What its training rows are like.</param>
internal sealed record SetResult(string Set, IReadOnlyList<Measurement> Flow, IReadOnlyList<Measurement> Pca, Diagnosis Diagnosis)
{
    /// <summary>Test rows to which the flow gave no finite score, over all seeds.</summary>
    public int NonFinite => Flow.Sum(measurement => measurement.NonFinite);

    /// <summary>The mean over seeds of a metric, in percent.</summary>
    public static double Mean(IReadOnlyList<Measurement> measurements, Func<Measurement, double> metric) => measurements.Average(metric);

    /// <summary>The standard deviation over seeds, of the population as in the published tables; NaN for one seed.</summary>
    public static double Deviation(IReadOnlyList<Measurement> measurements, Func<Measurement, double> metric)
    {
        double mean = Mean(measurements, metric);
        return measurements.Count < 2 ? double.NaN
            : Math.Sqrt(measurements.Average(measurement => Math.Pow(metric(measurement) - mean, 2)));
    }
}
