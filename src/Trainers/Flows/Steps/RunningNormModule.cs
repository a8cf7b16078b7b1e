using System.Collections.Immutable;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// What the two batch norms after couplings share (paper, section 3.7): (x - mean) / sqrt(variance + epsilon). Training uses the batch's
/// statistics, with gradient and biased variance; evaluation and the inverse use running ones (0.9 old + 0.1 new), replaced before freezing
/// by those of many rows.
/// </summary>
internal abstract class RunningNormModule : FlowStepModule
{
    private static readonly Scalar s_epsilon = 1e-4.ToScalar();
    private static readonly Scalar s_momentum = 0.1.ToScalar();
    private static readonly Scalar s_kept = 0.9.ToScalar();

    private readonly Tensor runningMean;
    private readonly Tensor runningVariance;

    /// <summary>Statistics of one shape, mean 0 and variance 1; the derived class registers the components.</summary>
    protected RunningNormModule(string name, params long[] shape) : base(name)
    {
        runningMean = zeros(shape, dtype: ScalarType.Float32, device: CPU);
        runningVariance = ones(shape, dtype: ScalarType.Float32, device: CPU);
    }

    public override bool HasStatistics => true;

    /// <summary>
    /// Training statistics to use instead of each batch's own, of the shape of the running ones: with them held, the step is a fixed map
    /// whose Jacobian can be checked.
    /// </summary>
    public (Tensor Mean, Tensor Variance)? HeldStatistics { get; set; }

    /// <summary>The statistics that do not depend on the batch, where there are such.</summary>
    protected (Tensor Mean, Tensor Variance)? FixedStatistics => training ? HeldStatistics : (runningMean, runningVariance);

    protected static Tensor Stabilised(Tensor variance) => variance.Plus(s_epsilon);

    /// <summary>What normalised values were, by the running statistics.</summary>
    protected Tensor Restored(Tensor normalised) => (normalised * Stabilised(runningVariance).sqrt()).Plus(runningMean);

    /// <summary>Moves the running statistics towards those of a batch.</summary>
    protected void Track(Tensor mean, Tensor variance)
    {
        using IDisposable guard = no_grad();
        runningMean.mul_(s_kept).add_(mean.detach(), s_momentum);
        runningVariance.mul_(s_kept).add_(variance.detach(), s_momentum);
    }

    /// <summary>Replaces the running statistics.</summary>
    protected void SetStatistics(Tensor mean, Tensor variance)
    {
        runningMean.copy_(mean);
        runningVariance.copy_(variance);
    }

    /// <summary>In evaluation the norm is scale * x + shift.</summary>
    protected (ImmutableArray<float> Scale, ImmutableArray<float> Shift) FrozenAffine()
    {
        using IDisposable scope = NewDisposeScope();
        Tensor scale = Stabilised(runningVariance.to(ScalarType.Float64)).rsqrt();
        return (FloatTensors.Values(scale), FloatTensors.Values(-runningMean * scale));
    }
}
