using RealNvp.ML.Export.Steps;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>The reverse of a <see cref="SqueezeModule"/>, [N, 4 C, H, W] to [N, C, 2 H, 2 W].</summary>
internal sealed class UnsqueezeModule : FlowStepModule
{
    private readonly SqueezeModule squeeze;
    private readonly SqueezeOrder _order;

    /// <summary>Undoes a squeeze of images of <paramref name="imageChannels"/> channels.</summary>
    public UnsqueezeModule(SqueezeOrder order, int imageChannels) : base(nameof(UnsqueezeModule))
    {
        _order = order;
        squeeze = new SqueezeModule(order, imageChannels);
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => (squeeze.Inverse(x), NoLogDet(x));

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => squeeze.forward(y).Output;

    public override FlowStep Reshaping => Freeze();

    public override FlowStep Freeze() => new Unsqueeze(_order);
}
