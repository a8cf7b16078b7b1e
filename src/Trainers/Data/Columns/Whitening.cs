namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// A Gaussian of standardised features, with correlations that are shrunk: their principal axes, and the scales along them.
/// </summary>
/// <param name="Axes">The axes [D, D], a row each, orthonormal.</param>
/// <param name="Mean">The means along the axes.</param>
/// <param name="Scales">The standard deviations along the axes.</param>
/// <param name="Shrinkage">The share of features without correlations.</param>
/// <param name="Power">The power of their variances in the column's units that these have: 1 for as they are, 0 for all the same.</param>
/// <param name="Rows">How many rows told.</param>
internal sealed record Whitening(float[] Axes, float[] Mean, float[] Scales, double Shrinkage, double Power, int Rows);
