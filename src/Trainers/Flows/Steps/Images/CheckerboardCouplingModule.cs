using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// A coupling over a checkerboard of pixels (paper, section 3.4), [N, C, H, W]: the net reads the image with zeros in place of the
/// transformed pixels; its s and t are set to zero at conditioning pixels, which so pass unchanged.
/// </summary>
internal sealed class CheckerboardCouplingModule : ImageCouplingModule
{
    // [1, 1, H, W], ones where pixels condition, and where they are transformed
    private readonly Tensor conditioning;
    private readonly Tensor transformed;

    public CheckerboardCouplingModule(ImageMask mask, int channels, int height, int width, ImageCouplingOptions options, Generator weights,
        DeviceRandom? noise = null)
        : base(nameof(CheckerboardCouplingModule), mask, channels, options, weights, noise)
    {
        conditioning = CheckerboardMap(mask, height, width);
        transformed = CheckerboardMap(mask.Complement(), height, width);
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor s, Tensor t) = ScaleAndShift(x, condition);
        return (Transform(x, s, t), s.sum([1, 2, 3]));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        (Tensor s, Tensor t) = ScaleAndShift(y, condition);
        return Restore(y, s, t);
    }

    public override void RefreshStatistics(Tensor input, Tensor? condition = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        net.RefreshStatistics(input * conditioning, conditioning, condition);
    }

    public override (Tensor LogScales, Tensor Bounds)? LogScales(Tensor x, Tensor? condition = null)
        => (ScaleAndShift(x, condition).S, Gain());

    public override FlowStep Freeze() => new CheckerboardCoupling(Mask, net.Freeze(), FrozenGain(), ShiftFirst);

    private (Tensor S, Tensor T) ScaleAndShift(Tensor x, Tensor? condition)
    {
        (Tensor r, Tensor t) = net.Heads(x * conditioning, conditioning, condition);
        return (r.tanh() * (Gain() * transformed), t * transformed);
    }
}
