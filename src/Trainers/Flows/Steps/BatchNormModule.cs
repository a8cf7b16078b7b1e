using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>Coupling-output batch normalisation of vector flows: each position of the half that the coupling transformed.</summary>
internal sealed class BatchNormModule : RunningNormModule
{
    private static readonly Scalar s_minusHalf = (-0.5).ToScalar();

    private readonly MaskSplit split;

    public BatchNormModule(CouplingMask mask) : base(nameof(BatchNormModule), mask.Transformed.Length)
    {
        split = new MaskSplit(mask);
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(x);
        (Tensor mean, Tensor variance) = FixedStatistics ?? BatchStatistics(transformed);
        Tensor stabilised = Stabilised(variance);
        Tensor y = (transformed - mean) * stabilised.rsqrt();
        return (split.Merge(conditioning, y), stabilised.log().sum() * s_minusHalf);
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(y);
        return split.Merge(conditioning, Restored(transformed));
    }

    public override void RefreshStatistics(Tensor input, Tensor? condition = null)
    {
        using IDisposable scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        (_, Tensor transformed) = split.Split(input);
        SetStatistics(transformed.mean([0]), transformed.var(0, unbiased: false));
    }

    public override FlowStep Freeze()
    {
        (ImmutableArray<float> scale, ImmutableArray<float> shift) = FrozenAffine();
        return new BatchNorm(split.Mask.Features, split.Mask.Transformed, scale, shift);
    }

    private (Tensor Mean, Tensor Variance) BatchStatistics(Tensor transformed)
    {
        Tensor mean = RowShard.Averaged(transformed.mean([0]));
        Tensor centred = transformed - mean;
        Tensor variance = RowShard.Averaged((centred * centred).mean([0]));
        Track(mean, variance);
        return (mean, variance);
    }
}
