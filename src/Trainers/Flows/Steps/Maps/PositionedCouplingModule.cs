using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Maps;

/// <summary>
/// A coupling over the channels of continuous maps, [N, C, H, W], whose net also reads the planes of the position, [1 or N, P, H, W], which
/// come as the condition.
/// </summary>
internal sealed class PositionedCouplingModule : FlowStepModule
{
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_maxGain = MaxGain.ToScalar(), s_minGain = (-MaxGain).ToScalar();

    private readonly PositionedNetModule net;
    private readonly TorchSharp.Modules.Parameter gain;
    private readonly ImageMask _mask;
    private readonly int _channels, _first;

    /// <summary>A fresh coupling, the identity.</summary>
    /// <param name="mask">Which half of the channels conditions.</param>
    /// <param name="channels">C, 2 or more; the first half is the larger.</param>
    /// <param name="options">The net.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="noise">Draws the dropout masks in training; must outlive the training. Needed with dropout only.</param>
    public PositionedCouplingModule(ImageMask mask, int channels, PositionedNetOptions options, Generator weights,
        DeviceRandom? noise = null) : base(nameof(PositionedCouplingModule))
    {
        (_mask, _channels, _first) = (mask, channels, (channels + 1) / 2);
        int conditioning = mask == ImageMask.FirstChannels ? _first : channels - _first;
        net = new PositionedNetModule(conditioning, channels - conditioning, options, weights, noise);
        gain = new TorchSharp.Modules.Parameter(FloatTensors.Filled([channels - conditioning, 1, 1], options.LogScaleGain));
        RegisterComponents();
    }

    public override IEnumerable<TorchSharp.Modules.Parameter> BoundedGains => [gain];

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = Split(x);
        (Tensor s, Tensor t) = ScaleAndShift(conditioning, condition);
        return (Merge(conditioning, addcmul(t, transformed, s.exp(), s_one)), s.sum([1, 2, 3]));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = Split(y);
        (Tensor s, Tensor t) = ScaleAndShift(conditioning, condition);
        return Merge(conditioning, (transformed - t) * (-s).exp());
    }

    public override (Tensor LogScales, Tensor Bounds)? LogScales(Tensor x, Tensor? condition = null)
        => (ScaleAndShift(Split(x).Conditioning, condition).S, BoundedGain());

    public override FlowStep Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        return new PositionedCoupling(_mask, net.Freeze(), FloatTensors.Values(BoundedGain()));
    }

    private (Tensor Conditioning, Tensor Transformed) Split(Tensor x)
    {
        Tensor first = x.narrow(1, 0, _first), second = x.narrow(1, _first, _channels - _first);
        return _mask == ImageMask.FirstChannels ? (first, second) : (second, first);
    }

    private Tensor Merge(Tensor conditioning, Tensor transformed)
        => cat(_mask == ImageMask.FirstChannels ? [conditioning, transformed] : [transformed, conditioning], 1);

    private (Tensor S, Tensor T) ScaleAndShift(Tensor conditioning, Tensor? planes)
    {
        (Tensor r, Tensor t) = net.Heads(conditioning, planes);
        return (r.tanh() * (training ? gain : BoundedGain()), t);
    }

    private Tensor BoundedGain() => gain.clamp(s_minGain, s_maxGain);
}
