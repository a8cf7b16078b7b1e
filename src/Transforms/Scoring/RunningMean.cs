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

    /// <summary>Requires that there were numbers, and that no row lacked one.</summary>
    /// <param name="notFinite">Rows without a number.</param>
    /// <param name="column">The column that rows are read from.</param>
    /// <param name="what">What the numbers are.</param>
    /// <exception cref="ArgumentException">A row lacked one, or there was none.</exception>
    public void RequireOfAll(long notFinite, string column, string what)
    {
        if (notFinite > 0)
        {
            throw new ArgumentException($"{notFinite} of {Count + notFinite} rows of the column '{column}' hold NaN or infinite values, "
                + $"which have no {what}. Leave them out.", "data");
        }
        if (Count == 0)
            throw new ArgumentException($"There is no row in the column '{column}'.", "data");
    }
}
