using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// (1 - a) C + a T, a covariance of standardised features that is shrunk: with fewer rows than it has numbers the sample's own is far too
/// sure of itself, and which a is best the likelihood of rows tells that C has not seen. T is what the features are without correlations:
/// variances as they are, or, where features are of one kind, such as those of a net, all the same in the column's own units, or half way;
/// the same rows tell which. (Ledoit and Wolf 2004 take the second and estimate an a that is nearest to the true covariance.)
/// </summary>
internal static class ShrunkCovariance
{
    /// <summary>The powers of a feature's variance that its part of T has in the column's units.</summary>
    private static readonly double[] s_powers = [1, 0.5, 0];

    /// <summary>What was chosen.</summary>
    /// <param name="Share">a.</param>
    /// <param name="Power">That of T: 1 for variances as they are, 0 for all the same.</param>
    /// <param name="LogLikelihood">Of a held-out row, without what does not depend on a and T.</param>
    public readonly record struct ShareAndPower(double Share, double Power, double LogLikelihood);

    /// <summary>Weighted mean [D] and covariance [D, D] of rows [n, D].</summary>
    public static (Tensor Mean, Tensor Covariance) Moments(Tensor x, Tensor weights)
    {
        Tensor shares = (weights / weights.sum()).unsqueeze(1), mean = (x * shares).sum([0]), centred = (x - mean) * shares.sqrt();
        return (mean, centred.t().matmul(centred));
    }

    /// <summary>Principal axes, a row each, and the variances along them, ascending.</summary>
    /// <param name="covariance">C.</param>
    /// <param name="share">a.</param>
    /// <param name="target">The variances of T.</param>
    public static (Tensor Axes, Tensor Variances) Axes(Tensor covariance, double share, Tensor target)
    {
        (Tensor variances, Tensor axes) = linalg.eigh(Shrunk(covariance, share, target));
        // no variance is less, but by roundings of single precision
        using Scalar least = (0.5 * share * target.min().to(ScalarType.Float64).item<double>()).ToScalar();
        return (axes.t(), variances.clamp_min(least));
    }

    /// <summary>
    /// The variances of T, of standardised features, [D]: 1 by the power 1, and by p (mean variance / variance)^(1 - p).
    /// </summary>
    /// <param name="deviations">Of the features, in the column's units.</param>
    /// <param name="unvaried">Features that have none.</param>
    /// <param name="power">p.</param>
    /// <param name="type">Of the result.</param>
    public static Tensor Target(float[] deviations, IReadOnlyList<int> unvaried, double power, ScalarType type)
    {
        double[] variances = Array.ConvertAll(deviations, deviation => (double)deviation * deviation);
        double mean = variances.Where((_, i) => !unvaried.Contains(i)).DefaultIfEmpty(1).Average();
        return tensor(variances.Select((variance, i) => unvaried.Contains(i) ? 1
            : Math.Clamp(Math.Pow(mean / variance, 1 - power), 1e-3, 1e3)).ToArray(), dtype: ScalarType.Float64, device: CPU).to(type);
    }

    /// <summary>
    /// The share, and the target, by which held-out rows are most likely. A share has one peak: from the middle on, uphill.
    /// </summary>
    /// <param name="mean">Of the rows that are seen.</param>
    /// <param name="covariance">C, of the same.</param>
    /// <param name="unseen">Other rows [m, D].</param>
    /// <param name="weights">Theirs, [m].</param>
    /// <param name="shares">Those to choose from, ascending.</param>
    /// <param name="deviations">Of the features, in the column's units.</param>
    /// <param name="unvaried">Features that have none.</param>
    public static ShareAndPower Choose(Tensor mean, Tensor covariance, Tensor unseen, Tensor weights, double[] shares, float[] deviations,
        IReadOnlyList<int> unvaried)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] targets = [.. s_powers.Select(power => Target(deviations, unvaried, power, unseen.dtype))];
        Tensor centred = (unseen - mean).t();
        var known = new Dictionary<(int Share, int Target), double>();
        (int Share, int Target)[] peaks = [.. Enumerable.Range(0, targets.Length).Select(Peak)];
        (int Share, int Target) best = peaks.MaxBy(Likelihood);
        return new(shares[best.Share], s_powers[best.Target], known[best]);

        (int, int) Peak(int target)
        {
            for (int best = shares.Length / 2; ;)
            {
                int next = best;
                foreach (int near in (int[])[best - 1, best + 1])
                {
                    if (near >= 0 && near < shares.Length && Likelihood((near, target)) > Likelihood((next, target)))
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
            Tensor factor = linalg.cholesky(Shrunk(covariance, shares[at.Share], targets[at.Target]));
            Tensor white = linalg.solve_triangular(factor, centred, upper: false);
            double squares = ((white * white).sum([0]) * weights).sum().to(ScalarType.Float64).item<double>()
                / weights.sum().to(ScalarType.Float64).item<double>();
            return known[at] = -0.5 * squares - factor.diagonal().log().sum().to(ScalarType.Float64).item<double>();
        }
    }

    private static Tensor Shrunk(Tensor covariance, double share, Tensor target)
    {
        using Scalar rest = (1 - share).ToScalar(), part = share.ToScalar();
        return covariance.mul(rest).add(target.diag(), part);
    }
}
