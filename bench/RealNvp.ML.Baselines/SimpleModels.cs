namespace RealNvp.ML.Baselines;

/// <summary>What the simplest densities reach on the rows that a flow was trained and measured on.</summary>
/// <param name="Histograms">Bits per dimension of <see cref="PixelHistograms"/>.</param>
/// <param name="Gaussian">Bits per dimension of <see cref="LogitGaussian"/>.</param>
public sealed record SimpleModels(double Histograms, double Gaussian)
{
    /// <summary>The names in reports.</summary>
    public const string HistogramsName = "histogram of each pixel", GaussianName = "full-covariance Gaussian of logits";

    /// <summary>The better of the two.</summary>
    public double Best => Math.Min(Histograms, Gaussian);

    /// <summary>The name of the better one.</summary>
    public string BestName => Histograms < Gaussian ? HistogramsName : GaussianName;

    /// <summary>Fits and evaluates both.</summary>
    /// <param name="train">Rows of whole levels, from 0 to below <paramref name="levels"/>.</param>
    /// <param name="test">Rows of the same.</param>
    /// <param name="levels">How many levels there are.</param>
    /// <param name="draws">Draws of the Gaussian's dequantisation noise per test row.</param>
    /// <param name="seed">Of that noise.</param>
    public static SimpleModels Measure(float[][] train, float[][] test, int levels, int draws, long seed)
        => new(PixelHistograms.BitsPerDimension(train, test, levels), LogitGaussian.BitsPerDimension(train, test, levels, draws, seed));
}
