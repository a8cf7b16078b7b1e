using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>A fixed order of the positions, so that couplings whose halves are contiguous mix all features.</summary>
internal sealed class Permutation : FlowStepModule
{
    private readonly Tensor order;
    private readonly Tensor inverse;

    public Permutation(IReadOnlyList<int> order) : base(nameof(Permutation))
    {
        this.order = tensor(order.Select(position => (long)position).ToArray(), device: CPU);
        inverse = this.order.argsort();
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x) => (x.index_select(1, order), NoLogDet(x));

    public override Tensor Inverse(Tensor y) => y.index_select(1, inverse);

    public override Frozen.FlowStep Freeze()
    {
        using Tensor cpu = order.cpu();
        return new Frozen.Permutation([.. cpu.data<long>().Select(position => (int)position)]);
    }
}
