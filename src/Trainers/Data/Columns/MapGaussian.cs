namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// What a flow of continuous maps starts as once its channels are standardised: a linear map of the channels, the same at all positions,
/// after which each channel has a mean and a deviation at each position.
/// </summary>
/// <param name="Whitening">The linear map [C, C], row-major.</param>
/// <param name="Mean">The means after it, [C, H W]; empty where all positions are alike.</param>
/// <param name="Deviation">The standard deviations after it, [C, H W]; empty where all positions are alike.</param>
internal sealed record MapGaussian(float[] Whitening, float[] Mean, float[] Deviation)
{
    /// <summary>The share of channels without correlations.</summary>
    public required double Shrinkage { get; init; }

    /// <summary>The power of their variances in the column's units that these have: 1 for as they are, 0 for all the same.</summary>
    public required double Power { get; init; }

    /// <summary>Whether positions have means and deviations of their own.</summary>
    public bool KnowsPositions => Mean.Length > 0;

    /// <summary>How many maps the means of all positions count for, where each position's own is added.</summary>
    public double MeanMaps { get; init; }

    /// <summary>The same of variances.</summary>
    public double VarianceMaps { get; init; }
}
