using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>The reverse of a <see cref="Squeeze"/>, [N, 4 C, H, W] to [N, C, 2 H, 2 W].</summary>
internal sealed class Unsqueeze : FlowStepModule
{
    private readonly Squeeze squeeze;
    private readonly SqueezeOrder _order;

    /// <summary>Undoes a squeeze of images of <paramref name="imageChannels"/> channels.</summary>
    public Unsqueeze(SqueezeOrder order, int imageChannels) : base(nameof(Unsqueeze))
    {
        _order = order;
        squeeze = new Squeeze(order, imageChannels);
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x) => (squeeze.Inverse(x), NoLogDet(x));

    public override Tensor Inverse(Tensor y) => squeeze.forward(y).Output;

    public override FlowShape OutputShape(FlowShape input) => Freeze().OutputShape(input);

    public override Frozen.FlowStep Freeze() => new Frozen.Unsqueeze(_order);
}
