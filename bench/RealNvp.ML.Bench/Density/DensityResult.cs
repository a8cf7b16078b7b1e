namespace RealNvp.ML.Bench.Density;

/// <summary>A set and its fits, one per fold.</summary>
internal sealed record DensityResult(DensitySet Set, IReadOnlyList<DensityFit> Fits)
{
    /// <summary>Whether the fits are mixtures.</summary>
    public bool HasMixture => Fits.Count > 0 && Fits.All(fit => double.IsFinite(fit.Mixture));

    /// <summary>The mean over folds.</summary>
    public double Mean(Func<DensityFit, double> value) => Fits.Select(value).DefaultIfEmpty(double.NaN).Average();

    /// <summary>The lowest of all folds.</summary>
    public double Lowest(Func<DensityFit, double> value) => Fits.Select(value).DefaultIfEmpty(double.NaN).Min();

    /// <summary>The standard deviation over folds.</summary>
    public double Deviation(Func<DensityFit, double> value)
        => Math.Sqrt(Fits.Sum(fit => Math.Pow(value(fit) - Mean(value), 2)) / (Fits.Count - 1));
}
