using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// Coupling-output batch normalisation (paper, section 3.7): (x - mean) / sqrt(variance + epsilon) on the transformed half. Training uses the batch's
/// statistics, with gradient and biased variance; evaluation and the inverse use running ones (0.9 old + 0.1 new), replaced before freezing by those
/// of the whole training set.
/// </summary>
internal sealed class BatchNorm : FlowStepModule
{
    private static readonly Scalar s_epsilon = 1e-4.ToScalar();
    private static readonly Scalar s_momentum = 0.1.ToScalar();
    private static readonly Scalar s_kept = 0.9.ToScalar();
    private static readonly Scalar s_minusHalf = (-0.5).ToScalar();

    private readonly MaskSplit split;
    private readonly Tensor runningMean;
    private readonly Tensor runningVariance;

    public BatchNorm(CouplingMask mask) : base(nameof(BatchNorm))
    {
        split = new MaskSplit(mask);
        runningMean = zeros(mask.Transformed.Length, dtype: ScalarType.Float32, device: CPU);
        runningVariance = ones(mask.Transformed.Length, dtype: ScalarType.Float32, device: CPU);
        RegisterComponents();
    }

    public override bool HasStatistics => true;

    /// <summary>Training statistics to use instead of each batch's own: with them held, the step is a fixed map whose Jacobian can be checked.</summary>
    public (Tensor Mean, Tensor Variance)? HeldStatistics { get; set; }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(x);
        (Tensor mean, Tensor variance) = Statistics(transformed);
        Tensor stabilised = variance.Plus(s_epsilon);
        Tensor y = (transformed - mean) * stabilised.rsqrt();
        return (split.Merge(conditioning, y), stabilised.log().sum() * s_minusHalf);
    }

    public override Tensor Inverse(Tensor y)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(y);
        return split.Merge(conditioning, (transformed * runningVariance.Plus(s_epsilon).sqrt()).Plus(runningMean));
    }

    public override void RefreshStatistics(Tensor input)
    {
        using IDisposable scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        (_, Tensor transformed) = split.Split(input);
        runningMean.copy_(transformed.mean([0]));
        runningVariance.copy_(transformed.var(0, unbiased: false));
    }

    public override Frozen.FlowStep Freeze()
    {
        using IDisposable scope = NewDisposeScope();
        Tensor scale = runningVariance.to(ScalarType.Float64).Plus(s_epsilon).rsqrt();
        return new Frozen.BatchNorm(split.Mask.Features, split.Mask.Transformed, Values(scale), Values(-runningMean * scale));
    }

    private (Tensor Mean, Tensor Variance) Statistics(Tensor transformed)
    {
        if (!training)
            return (runningMean, runningVariance);
        if (HeldStatistics is { } held)
            return held;
        Tensor mean = transformed.mean([0]);
        Tensor centred = transformed - mean;
        Tensor variance = (centred * centred).mean([0]);
        using (no_grad())
        {
            runningMean.mul_(s_kept).add_(mean.detach(), s_momentum);
            runningVariance.mul_(s_kept).add_(variance.detach(), s_momentum);
        }
        return (mean, variance);
    }
}
