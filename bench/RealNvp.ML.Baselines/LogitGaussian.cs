using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>
/// One Gaussian with full covariance over the logits of dequantised pixels: what a flow without couplings could reach. With u uniform, a
/// level k of L is the point x = (k + u) / L, and y = logit(p), p = 0.05 + 0.9 x (paper, section 4.1).
/// </summary>
public static class LogitGaussian
{
    private const double Alpha = 0.05;

    /// <summary>
    /// Bits per dimension of test rows under the Gaussian that fits training rows: -(log p(y) + sum log |dy/dx| - D log L) / (D log 2),
    /// averaged over the rows and over draws of u. In double precision.
    /// </summary>
    /// <param name="train">Rows of whole levels, from 0 to below <paramref name="levels"/>; more than there are dimensions.</param>
    /// <param name="test">Rows of the same.</param>
    /// <param name="levels">How many levels there are.</param>
    /// <param name="draws">How often the noise of each test row is drawn.</param>
    /// <param name="seed">Of the noise, of training rows and of test rows.</param>
    /// <exception cref="ArgumentException">There are too few training rows for a covariance.</exception>
    public static double BitsPerDimension(float[][] train, float[][] test, int levels, int draws, long seed)
    {
        int dimensions = train[0].Length;
        if (train.Length <= dimensions)
            throw new ArgumentException($"{train.Length} training rows, expected more than the {dimensions} dimensions: the covariance "
                + "would be singular.", nameof(train));
        using IDisposable inference = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using var random = new Generator((ulong)seed);

        (Tensor fitted, _) = Logits(Rows(train), levels, random);
        Tensor mean = fitted.mean([0]), centred = fitted - mean;
        Tensor root = linalg.cholesky(centred.T.mm(centred) / train.Length);
        double logDeterminant = 2 * root.diagonal().log().sum().ToDouble();

        Tensor rows = Rows(test);
        double sum = 0;
        for (int draw = 0; draw < draws; draw++)
        {
            using DisposeScope perDraw = NewDisposeScope();
            (Tensor y, Tensor logJacobian) = Logits(rows, levels, random);
            Tensor whitened = linalg.solve_triangular(root, (y - mean).T, upper: false); // one column per row
            double squares = whitened.square().sum().ToDouble() / test.Length;
            double logDensity = -0.5 * (squares + logDeterminant + dimensions * Math.Log(2 * Math.PI));
            sum += logDensity + logJacobian.sum().ToDouble() / test.Length - dimensions * Math.Log(levels);
        }
        return -sum / draws / (dimensions * Math.Log(2));
    }

    /// <summary>Dequantised logits, and log |dy/dx| = log(0.9 / (p (1 - p))) of each.</summary>
    private static (Tensor Y, Tensor LogJacobian) Logits(Tensor rows, int levels, Generator random)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = (rows + rand(rows.shape, dtype: ScalarType.Float64, generator: random)) / levels;
        Tensor p = Alpha + (1 - 2 * Alpha) * x, log = p.log(), logOfOther = (1 - p).log();
        return scope.MoveToOuter(log - logOfOther, Math.Log(1 - 2 * Alpha) - log - logOfOther);
    }

    private static Tensor Rows(float[][] rows)
        => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length], dtype: ScalarType.Float64);
}
