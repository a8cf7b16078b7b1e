using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>Fits the Gaussian that a flow over many features starts as, by a <see cref="ShrunkCovariance"/>.</summary>
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
        (double share, double power) = Choose(x, weights, facts);
        (Tensor mean, Tensor covariance) = ShrunkCovariance.Moments(x, weights);
        (Tensor axes, Tensor variances) = ShrunkCovariance.Axes(covariance, share,
            ShrunkCovariance.Target(facts.StandardDeviation, facts.Unvaried, power, type));
        return new(FloatTensors.Array(axes), FloatTensors.Array(axes.matmul(mean)), FloatTensors.Array(variances.sqrt()), share, power,
            training.Count);
    }

    private static (double Share, double Power) Choose(Tensor x, Tensor weights, ColumnFacts facts)
    {
        long rows = x.shape[0];
        long[] heldOut = [.. Enumerable.Range(0, (int)(rows / HeldOut)).Select(i => (long)i * HeldOut + HeldOut - 1)];
        if (heldOut.Length == 0)
            return (s_shares[^1], 1);
        using DisposeScope scope = NewDisposeScope();
        Tensor seen = tensor(Enumerable.Range(0, (int)rows).Where(i => i % HeldOut != HeldOut - 1).Select(i => (long)i).ToArray(),
            device: CPU);
        Tensor chosen = tensor(heldOut.Length <= MostHeldOut ? heldOut : heldOut[..MostHeldOut], device: CPU);
        (Tensor mean, Tensor covariance) = ShrunkCovariance.Moments(x.index_select(0, seen), weights.index_select(0, seen));
        ShrunkCovariance.ShareAndPower best = ShrunkCovariance.Choose(mean, covariance, x.index_select(0, chosen),
            weights.index_select(0, chosen), s_shares, facts.StandardDeviation, facts.Unvaried);
        return (best.Share, best.Power);
    }
}
