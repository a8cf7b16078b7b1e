using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// Fits the Gaussian that a flow over many features starts as. With fewer rows than a covariance has numbers the sample's own is far too
/// sure of itself; (1 - a) C + a I of standardised features is not, and which a is best the likelihood of rows tells that C has not seen.
/// (Ledoit and Wolf 2004 estimate an a that is best in another sense: nearest to the true covariance.)
/// </summary>
internal static class WhiteningFit
{
    /// <summary>Every so many rows one is held out to choose by, and no more than that.</summary>
    private const int HeldOut = 5, MostHeldOut = 512;

    /// <summary>More rows of a sample add nothing, and take long.</summary>
    private const int MostRows = 1 << 15;

    /// <summary>From so many features on single precision has to do: the axes of 2,048 take seconds as it is.</summary>
    private const int ManyFeatures = 512;

    private static readonly double[] s_shares = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.85, 1];

    /// <summary>The Gaussian of training rows.</summary>
    /// <param name="training">The rows.</param>
    /// <param name="facts">Their means and deviations, by which they are standardised.</param>
    /// <param name="tailBound">Scales beyond which values are compressed; 0 for none.</param>
    public static Whitening Of(WeightedRows training, ColumnFacts facts, double tailBound)
    {
        int features = facts.Mean.Length, rows = Math.Min(training.Count, MostRows);
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        ScalarType type = features > ManyFeatures ? ScalarType.Float32 : ScalarType.Float64;
        using var standardization = new StandardizationModule(facts.Mean, facts.StandardDeviation);
        Tensor x = tensor(training.Values, [training.Count, training.Features], dtype: ScalarType.Float32, device: CPU)
            .narrow(0, 0, rows).narrow(1, 0, features);
        x = standardization.forward(x).Output;
        if (tailBound > 0)
        {
            using var tails = new TailCompressionModule(tailBound);
            x = tails.forward(x).Output;
        }
        x = x.to(type);
        Tensor weights = tensor(training.Weights, dtype: ScalarType.Float32, device: CPU).narrow(0, 0, rows).to(type);
        double share = Choose(x, weights);
        (Tensor mean, Tensor covariance) = Moments(x, weights);
        (Tensor variances, Tensor axes) = linalg.eigh(Shrunk(covariance, share));
        Tensor along = axes.t();
        using Scalar least = (share * 1e-3).ToScalar(); // below it are roundings of single precision
        return new(Floats(along), Floats(along.matmul(mean)), Floats(variances.clamp_min(least).sqrt()), share, training.Count);
    }

    /// <summary>The share by which held-out rows are most likely. It has one peak: from the middle on, uphill.</summary>
    private static double Choose(Tensor x, Tensor weights)
    {
        long rows = x.shape[0];
        long[] heldOut = [.. Enumerable.Range(0, (int)(rows / HeldOut)).Select(i => (long)i * HeldOut + HeldOut - 1)];
        if (heldOut.Length == 0)
            return s_shares[^1];
        using DisposeScope scope = NewDisposeScope();
        Tensor seen = tensor(Enumerable.Range(0, (int)rows).Where(i => i % HeldOut != HeldOut - 1).Select(i => (long)i).ToArray());
        (Tensor mean, Tensor covariance) = Moments(x.index_select(0, seen), weights.index_select(0, seen));
        Tensor chosen = tensor(heldOut.Length <= MostHeldOut ? heldOut : heldOut[..MostHeldOut]);
        Tensor unseen = (x.index_select(0, chosen) - mean).t(), counts = weights.index_select(0, chosen);
        var known = new Dictionary<int, double>();
        int best = s_shares.Length / 2;
        while (true)
        {
            int next = best;
            foreach (int near in (int[])[best - 1, best + 1])
            {
                if (near >= 0 && near < s_shares.Length && Likelihood(near) > Likelihood(next))
                    next = near;
            }
            if (next == best)
                return s_shares[best];
            best = next;
        }

        double Likelihood(int index)
        {
            if (known.TryGetValue(index, out double found))
                return found;
            using DisposeScope inner = NewDisposeScope();
            Tensor factor = linalg.cholesky(Shrunk(covariance, s_shares[index]));
            Tensor white = linalg.solve_triangular(factor, unseen, upper: false);
            double squares = ((white * white).sum([0]) * counts).sum().to(ScalarType.Float64).item<double>()
                / counts.sum().to(ScalarType.Float64).item<double>();
            return known[index] = -0.5 * squares - factor.diagonal().log().sum().to(ScalarType.Float64).item<double>();
        }
    }

    private static (Tensor Mean, Tensor Covariance) Moments(Tensor x, Tensor weights)
    {
        Tensor shares = (weights / weights.sum()).unsqueeze(1), mean = (x * shares).sum([0]), centred = (x - mean) * shares.sqrt();
        return (mean, centred.t().matmul(centred));
    }

    private static Tensor Shrunk(Tensor covariance, double share)
    {
        using Scalar rest = (1 - share).ToScalar(), part = share.ToScalar();
        return covariance * rest + eye(covariance.shape[0], dtype: covariance.dtype, device: CPU) * part;
    }

    private static float[] Floats(Tensor values) => values.to(ScalarType.Float32).contiguous().data<float>().ToArray();
}
