using RealNvp.ML.Export.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// The squeeze (paper, section 3.6), [N, C, H, W] to [N, 4 C, H/2, W/2]: each 2x2 square of pixels becomes four channels, in plain order or
/// ordered.
/// </summary>
internal sealed class SqueezeModule : FlowStepModule
{
    private readonly Tensor? channels; // the plain index of every ordered channel
    private readonly Tensor? plain; // and the other way round
    private readonly SqueezeOrder _order;

    /// <summary>A squeeze of images of <paramref name="imageChannels"/> channels.</summary>
    public SqueezeModule(SqueezeOrder order, int imageChannels) : base(nameof(SqueezeModule))
    {
        _order = order;
        if (order == SqueezeOrder.Ordered)
        {
            channels = tensor(order.PlainChannels(imageChannels).Select(channel => (long)channel).ToArray(), device: CPU);
            plain = channels.argsort();
        }
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        Tensor squeezed = nn.functional.pixel_unshuffle(x, 2); // plain order
        return (channels is null ? squeezed : squeezed.index_select(1, channels), NoLogDet(x));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
        => nn.functional.pixel_shuffle(plain is null ? y : y.index_select(1, plain), 2);

    public override FlowStep Reshaping => Freeze();

    public override FlowStep Freeze() => new Squeeze(_order);
}
