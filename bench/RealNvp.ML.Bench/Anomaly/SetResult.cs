namespace RealNvp.ML.Bench.Anomaly;

/// <summary>All seeds of a set.</summary>
/// <param name="Set">Its name.</param>
/// <param name="Runs">By detector, of the same splits: one measurement per seed.</param>
/// <param name="Diagnosis">What its training rows are like.</param>
internal sealed record SetResult(string Set, IReadOnlyDictionary<string, IReadOnlyList<Measurement>> Runs, Diagnosis Diagnosis)
{
    /// <summary>The flow's.</summary>
    public IReadOnlyList<Measurement> Flow => Runs[FlowDetector.FileName];

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
