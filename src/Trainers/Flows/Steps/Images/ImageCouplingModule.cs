using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// What the two couplings of image flows share: s = gain * tanh(r), and y = x * exp(s) + t or y = (x + t) * exp(s) of the transformed half
/// (paper, sections 3.2 and 4.1).
/// </summary>
internal abstract class ImageCouplingModule : FlowStepModule
{
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_maxGain = MaxGain.ToScalar();
    private static readonly Scalar s_minGain = (-MaxGain).ToScalar();

    protected readonly ResidualConditionerModule net;
    private readonly TorchSharp.Modules.Parameter gain;
    private readonly int _channels;
    private readonly bool _isSpared; // by the penalty

    /// <summary>A fresh coupling; the derived class registers the components.</summary>
    /// <param name="name">The name of the step.</param>
    /// <param name="mask">Which half conditions.</param>
    /// <param name="channels">The channels that the net reads, and as many are transformed.</param>
    /// <param name="options">The net, and where to depart from the original.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="noise">Draws the dropout masks in training; must outlive the training. Needed with dropout only.</param>
    protected ImageCouplingModule(
        string name, ImageMask mask, int channels, ImageCouplingOptions options, Generator weights, DeviceRandom? noise)
        : base(name)
    {
        Mask = mask;
        ShiftFirst = options.ShiftFirst;
        _channels = channels;
        bool checkerboard = mask.IsCheckerboard();
        _isSpared = options.SparesChannelGains && !checkerboard;
        net = new ResidualConditionerModule(channels, checkerboard, options, weights, noise);
        double start = options.IdentityStart || !checkerboard ? 1 : 0; // never 0 where the net's output is 0 too: every gradient would be
        gain = new TorchSharp.Modules.Parameter(FloatTensors.Filled([options.GainPerChannel ? channels : 1, 1, 1], start));
    }

    public override bool HasStatistics => true;

    public override IEnumerable<TorchSharp.Modules.Parameter> BoundedGains => [gain];

    protected override IEnumerable<TorchSharp.Modules.Parameter> PenalisedLogScaleGains => _isSpared ? [] : [gain];

    protected ImageMask Mask { get; }

    protected bool ShiftFirst { get; }

    /// <summary>The gain, [channels, 1, 1] or one for all; no learned gain exceeds what it may in a vector flow.</summary>
    protected Tensor Gain() => training ? gain : BoundedGain();

    /// <summary>The gain of every transformed channel as plain data.</summary>
    protected ImmutableArray<float> FrozenGain()
    {
        using DisposeScope scope = NewDisposeScope();
        return FloatTensors.Values(BoundedGain().expand(_channels, 1, 1));
    }

    private Tensor BoundedGain() => gain.clamp(s_minGain, s_maxGain);

    protected Tensor Transform(Tensor x, Tensor s, Tensor t) => ShiftFirst ? x.Plus(t) * s.exp() : addcmul(t, x, s.exp(), s_one);

    protected Tensor Restore(Tensor y, Tensor s, Tensor t) => ShiftFirst ? y * (-s).exp() - t : (y - t) * (-s).exp();
}
