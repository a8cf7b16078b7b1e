using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// Fits the Gaussian that a flow over many features starts as. With fewer rows than a covariance has numbers the sample's own is far too
/// sure of itself; (1 - a) C + a T of standardised features is not, and which a is best the likelihood of rows tells that C has not seen. T
/// is what the features are without correlations: variances as they are, or, where features are of one kind, such as those of a net, all
/// the same in the column's own units, or half way; the same rows tell which. (Ledoit and Wolf 2004 take the second and estimate an a that
/// is nearest to the true covariance.)
/// </summary>
internal static class WhiteningFit
{
    /// <summary>Every so many rows one is held out to choose by, and no more than that.</summary>
    private const int HeldOut = 5, MostHeldOut = 512;

    /// <summary>More rows of a sample add nothing, and take long.</summary>
    private const int MostRows = 1 << 15;

    /// <summary>From so many features on single precision has to do: the axes of 2,048 take seconds as it is.</summary>
    private const int ManyFeatures = 512;

    /// <summary>The powers of a feature's variance that its part of T has in the column's units.</summary>
    private static readonly double[] s_powers = [1, 0.5, 0];

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
        Tensor[] targets = [.. s_powers.Select(power => Target(facts, power, type))];
        (double share, int target) = Choose(x, weights, targets);
        (Tensor mean, Tensor covariance) = Moments(x, weights);
        (Tensor variances, Tensor axes) = linalg.eigh(Shrunk(covariance, share, targets[target]));
        Tensor along = axes.t();
        // no variance is less, but by roundings of single precision
        using Scalar least = (0.5 * share * targets[target].min().to(ScalarType.Float64).item<double>()).ToScalar();
        return new(Floats(along), Floats(along.matmul(mean)), Floats(variances.clamp_min(least).sqrt()), share, s_powers[target],
            training.Count);
    }

    /// <summary>
    /// The variances of T, of standardised features, [D]: 1 by the power 1, and by p (mean variance / variance)^(1 - p).
    /// </summary>
    private static Tensor Target(ColumnFacts facts, double power, ScalarType type)
    {
        double[] variances = Array.ConvertAll(facts.StandardDeviation, deviation => (double)deviation * deviation);
        double mean = variances.Where((_, i) => !facts.Unvaried.Contains(i)).DefaultIfEmpty(1).Average();
        return tensor(variances.Select((variance, i) => facts.Unvaried.Contains(i) ? 1
            : Math.Clamp(Math.Pow(mean / variance, 1 - power), 1e-3, 1e3)).ToArray(), dtype: ScalarType.Float64, device: CPU).to(type);
    }

    /// <summary>
    /// The share, and the target, by which held-out rows are most likely. A share has one peak: from the middle on, uphill.
    /// </summary>
    private static (double Share, int Target) Choose(Tensor x, Tensor weights, Tensor[] targets)
    {
        long rows = x.shape[0];
        long[] heldOut = [.. Enumerable.Range(0, (int)(rows / HeldOut)).Select(i => (long)i * HeldOut + HeldOut - 1)];
        if (heldOut.Length == 0)
            return (s_shares[^1], 0);
        using DisposeScope scope = NewDisposeScope();
        Tensor seen = tensor(Enumerable.Range(0, (int)rows).Where(i => i % HeldOut != HeldOut - 1).Select(i => (long)i).ToArray());
        (Tensor mean, Tensor covariance) = Moments(x.index_select(0, seen), weights.index_select(0, seen));
        Tensor chosen = tensor(heldOut.Length <= MostHeldOut ? heldOut : heldOut[..MostHeldOut]);
        Tensor unseen = (x.index_select(0, chosen) - mean).t(), counts = weights.index_select(0, chosen);
        var known = new Dictionary<(int Share, int Target), double>();
        (int Share, int Target)[] peaks = [.. Enumerable.Range(0, targets.Length).Select(Peak)];
        (int share, int chosenTarget) = peaks.MaxBy(Likelihood);
        return (s_shares[share], chosenTarget);

        (int, int) Peak(int target)
        {
            for (int best = s_shares.Length / 2; ;)
            {
                int next = best;
                foreach (int near in (int[])[best - 1, best + 1])
                {
                    if (near >= 0 && near < s_shares.Length && Likelihood((near, target)) > Likelihood((next, target)))
                        next = near;
                }
                if (next == best)
                    return (best, target);
                best = next;
            }
        }

        double Likelihood((int Share, int Target) at)
        {
            if (known.TryGetValue(at, out double found))
                return found;
            using DisposeScope inner = NewDisposeScope();
            Tensor factor = linalg.cholesky(Shrunk(covariance, s_shares[at.Share], targets[at.Target]));
            Tensor white = linalg.solve_triangular(factor, unseen, upper: false);
            double squares = ((white * white).sum([0]) * counts).sum().to(ScalarType.Float64).item<double>()
                / counts.sum().to(ScalarType.Float64).item<double>();
            return known[at] = -0.5 * squares - factor.diagonal().log().sum().to(ScalarType.Float64).item<double>();
        }
    }

    private static (Tensor Mean, Tensor Covariance) Moments(Tensor x, Tensor weights)
    {
        Tensor shares = (weights / weights.sum()).unsqueeze(1), mean = (x * shares).sum([0]), centred = (x - mean) * shares.sqrt();
        return (mean, centred.t().matmul(centred));
    }

    private static Tensor Shrunk(Tensor covariance, double share, Tensor target)
    {
        using Scalar rest = (1 - share).ToScalar(), part = share.ToScalar();
        return covariance.mul(rest).add(target.diag(), part);
    }

    private static float[] Floats(Tensor values) => values.to(ScalarType.Float32).contiguous().data<float>().ToArray();
}
