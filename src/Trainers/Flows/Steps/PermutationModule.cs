using RealNvp.ML.Export.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>A fixed order of the positions, so that couplings whose halves are contiguous mix all features.</summary>
internal sealed class PermutationModule : FlowStepModule
{
    private readonly Tensor order;
    private readonly Tensor inverse;

    public PermutationModule(IReadOnlyList<int> order) : base(nameof(PermutationModule))
    {
        this.order = tensor(order.Select(position => (long)position).ToArray(), device: CPU);
        inverse = this.order.argsort();
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => (x.index_select(1, order), NoLogDet(x));

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y.index_select(1, inverse);

    public override FlowStep Freeze()
    {
        using Tensor cpu = order.cpu();
        return new Permutation([.. cpu.data<long>().Select(position => (int)position)]);
    }
}
