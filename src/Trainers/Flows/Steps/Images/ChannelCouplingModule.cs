using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>A coupling over halves of the channels (paper, section 3.4), [N, C, H, W] with an even C.</summary>
internal sealed class ChannelCouplingModule : ImageCouplingModule
{
    public ChannelCouplingModule(ImageMask mask, int channels, ImageCouplingOptions options, Generator weights, DeviceRandom? noise = null)
        : base(nameof(ChannelCouplingModule), mask, channels / 2, options, weights, noise) => RegisterComponents();

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = Split(x, Mask);
        (Tensor s, Tensor t) = ScaleAndShift(conditioning, condition);
        return (Merge(conditioning, Transform(transformed, s, t), Mask), s.sum([1, 2, 3]));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = Split(y, Mask);
        (Tensor s, Tensor t) = ScaleAndShift(conditioning, condition);
        return Merge(conditioning, Restore(transformed, s, t), Mask);
    }

    public override void RefreshStatistics(Tensor input, Tensor? condition = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        net.RefreshStatistics(Split(input, Mask).Conditioning, mask: null, condition);
    }

    public override (Tensor LogScales, Tensor Bounds)? LogScales(Tensor x, Tensor? condition = null)
        => (ScaleAndShift(Split(x, Mask).Conditioning, condition).S, Gain());

    public override FlowStep Freeze() => new ChannelCoupling(Mask, net.Freeze(), FrozenGain(), ShiftFirst);

    /// <summary>The conditioning and the transformed half of the channels.</summary>
    public static (Tensor Conditioning, Tensor Transformed) Split(Tensor x, ImageMask mask)
    {
        Tensor[] halves = x.chunk(2, 1);
        return mask == ImageMask.FirstChannels ? (halves[0], halves[1]) : (halves[1], halves[0]);
    }

    /// <summary>The two halves in their places.</summary>
    public static Tensor Merge(Tensor conditioning, Tensor transformed, ImageMask mask)
        => cat(mask == ImageMask.FirstChannels ? [conditioning, transformed] : [transformed, conditioning], 1);

    private (Tensor S, Tensor T) ScaleAndShift(Tensor conditioning, Tensor? condition)
    {
        (Tensor r, Tensor t) = net.Heads(conditioning, mask: null, condition);
        return (r.tanh() * Gain(), t);
    }
}
