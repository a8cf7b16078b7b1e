namespace RealNvp.ML.Bench.Anomaly;

/// <summary>Something that learns from rows without labels and scores others: higher is more anomalous.</summary>
internal abstract class Detector
{
    /// <summary>What results are filed under.</summary>
    public abstract string Name { get; }

    /// <summary>Changes when the results may change: options and code.</summary>
    public abstract string Fingerprint { get; }

    /// <summary>Learns from some rows and scores others.</summary>
    public abstract DetectorRun Run(float[][] train, float[][] test, int seed);
}
