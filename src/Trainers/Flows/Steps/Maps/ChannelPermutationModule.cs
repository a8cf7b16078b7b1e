using RealNvp.ML.Export.Steps;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Maps;

/// <summary>A fixed order of the channels, [N, C, H, W], so that couplings whose halves are contiguous mix all of them.</summary>
internal sealed class ChannelPermutationModule : FlowStepModule
{
    private readonly PermutationModule positions; // whose second axis is that of the channels

    public ChannelPermutationModule(IReadOnlyList<int> order) : base(nameof(ChannelPermutationModule))
    {
        positions = new PermutationModule(order);
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => positions.forward(x);

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => positions.Inverse(y);

    public override FlowStep Freeze() => new ChannelPermutation(((Permutation)positions.Freeze()).Order);
}
