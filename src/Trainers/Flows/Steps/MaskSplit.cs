using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// Takes a batch apart into the two halves of a mask and puts it together again. A half of neighbouring positions is a view, any other a
/// gather. The conditioning half may have none.
/// </summary>
internal sealed class MaskSplit : nn.Module
{
    private readonly Tensor conditioning;
    private readonly Tensor transformed;
    private readonly Tensor order; // where each position stands in (conditioning, transformed)

    public MaskSplit(CouplingMask mask) : base(nameof(MaskSplit))
    {
        Mask = mask;
        conditioning = Index(mask.Conditioning);
        transformed = Index(mask.Transformed);
        using Tensor joined = cat([conditioning, transformed]);
        order = joined.argsort();
        RegisterComponents();
    }

    public CouplingMask Mask { get; }

    public (Tensor Conditioning, Tensor Transformed) Split(Tensor x)
    {
        if (!IsRun(Mask.Conditioning) || !IsRun(Mask.Transformed))
            return (Take(x, Mask.Conditioning, conditioning), Take(x, Mask.Transformed, transformed));
        // one split, not two views: its gradient is put together at once, that of a view is a tensor of zeros to be filled and added
        bool first = ConditioningIsFirst;
        (long conditions, long changes) = (Mask.Conditioning.Length, Mask.Transformed.Length);
        Tensor[] parts = x.split(first ? [conditions, changes] : [changes, conditions], 1);
        return first ? (parts[0], parts[1]) : (parts[1], parts[0]);
    }

    public Tensor Merge(Tensor conditioningHalf, Tensor transformedHalf)
    {
        if (IsRun(Mask.Conditioning) && IsRun(Mask.Transformed))
            return ConditioningIsFirst ? cat([conditioningHalf, transformedHalf], 1) : cat([transformedHalf, conditioningHalf], 1);
        return cat([conditioningHalf, transformedHalf], 1).index_select(1, order);
    }

    private bool ConditioningIsFirst => Mask.Conditioning is [] or [0, ..];

    private static Tensor Take(Tensor x, ImmutableArray<int> positions, Tensor index)
        => IsRun(positions) ? x.narrow(1, positions[0], positions.Length) : x.index_select(1, index);

    private static bool IsRun(ImmutableArray<int> positions)
        => positions.IsEmpty || (positions[^1] - positions[0] == positions.Length - 1 && positions.SequenceEqual(positions.Order()));

    private static Tensor Index(ImmutableArray<int> positions)
        => tensor(positions.Select(position => (long)position).ToArray(), device: CPU);
}
