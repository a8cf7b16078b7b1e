namespace RealNvp.ML.Transforms.Scoring;

/// <summary>Mean and spread of numbers that come one by one (Welford 1962).</summary>
internal sealed class RunningMean
{
    private double _squares;

    /// <summary>How many numbers.</summary>
    public long Count { get; private set; }

    /// <summary>Their mean; 0 for none.</summary>
    public double Mean { get; private set; }

    /// <summary>The standard error of the mean; NaN for fewer than two.</summary>
    public double StandardError => Math.Sqrt(_squares / (Count - 1) / Count);

    /// <summary>Takes one more.</summary>
    public void Add(double value)
    {
        double before = value - Mean;
        Mean += before / ++Count;
        _squares += before * (value - Mean);
    }
}
