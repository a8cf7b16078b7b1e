using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// y = x * exp(s) + t on the transformed half, s = gain * tanh(r), where r and t are the two heads of one net that reads the conditioning
/// half, and beside it the condition of the flow, where that has one (paper, section 3.2; the learned gain as in its section 4.1 code). The
/// heads start at zero and the gain above it: a fresh coupling is the identity.
/// </summary>
internal sealed class AffineCouplingModule : FlowStepModule
{
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_maxGain = MaxGain.ToScalar();
    private static readonly Scalar s_minGain = (-MaxGain).ToScalar();

    private readonly MaskSplit split;
    private readonly ModuleList<DenseLayerModule> trunk = new();
    private readonly DenseLayerModule heads;
    private readonly TorchSharp.Modules.Parameter gain;
    private readonly Activation _activation;
    private readonly DropoutMask? _dropout;
    private readonly long _width;
    private readonly int _conditionInputs;
    private readonly bool _bfloat16;

    /// <summary>A fresh coupling.</summary>
    /// <param name="mask">Which positions condition and which are transformed.</param>
    /// <param name="net">The size of the net.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="noise">Draws the dropout masks in training; must outlive the training. Needed with dropout only.</param>
    /// <param name="conditionInputs">What the net reads of the flow's condition; 0 for none.</param>
    public AffineCouplingModule(CouplingMask mask, ConditionerOptions net, Generator weights, DeviceRandom? noise = null,
        int conditionInputs = 0)
        : base(nameof(AffineCouplingModule))
    {
        split = new MaskSplit(mask);
        _activation = net.Activation;
        _bfloat16 = net.BFloat16;
        if (net.Dropout > 0)
            _dropout = new DropoutMask(net.Dropout, noise ?? throw new ArgumentNullException(nameof(noise)));
        _width = mask.Transformed.Length;
        _conditionInputs = conditionInputs;
        long inputs = mask.Conditioning.Length + conditionInputs;
        for (int i = 0; i < net.HiddenLayers; i++)
        {
            trunk.Add(new DenseLayerModule(inputs, net.HiddenUnits, net.WeightNorm, zero: false, weights));
            inputs = net.HiddenUnits;
        }
        heads = new DenseLayerModule(inputs, 2 * _width, net.WeightNorm, zero: true, weights);
        gain = new TorchSharp.Modules.Parameter(FloatTensors.Filled([_width], net.LogScaleGain));
        RegisterComponents();
    }

    public override IEnumerable<TorchSharp.Modules.Parameter> BoundedGains => [gain];

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(x);
        (Tensor s, Tensor t) = Net(conditioning, condition);
        Tensor y = addcmul(t, transformed, s.exp(), s_one);
        return (split.Merge(conditioning, y), s.sum(1));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(y);
        (Tensor s, Tensor t) = Net(conditioning, condition);
        return split.Merge(conditioning, (transformed - t) * (-s).exp());
    }

    public override (Tensor LogScales, Tensor Bounds)? LogScales(Tensor x, Tensor? condition = null)
        => (Net(split.Split(x).Conditioning, condition).S, BoundedGain());

    public override FlowStep Freeze()
    {
        DenseLayer both = heads.Freeze();
        int width = (int)_width;
        DenseLayer Head(int first) => new(
            both.Inputs, width, both.Weights.AsSpan(first * both.Inputs, width * both.Inputs).ToImmutableArray(),
            both.Bias.AsSpan(first, width).ToImmutableArray());
        using Tensor bounded = BoundedGain();
        return new AffineCoupling(
            split.Mask, [.. trunk.Select(layer => layer.Freeze())], _activation, Head(0), Head(width), FloatTensors.Values(bounded),
            _conditionInputs);
    }

    private (Tensor S, Tensor T) Net(Tensor conditioning, Tensor? condition)
    {
        bool low = _bfloat16 && training;
        if (condition is not null)
            conditioning = split.Mask.Conditioning.IsEmpty ? condition : cat([conditioning, condition], 1);
        Tensor hidden = low ? conditioning.to(ScalarType.BFloat16) : conditioning;
        foreach (DenseLayerModule layer in trunk)
        {
            hidden = _activation == Activation.Relu ? layer.forward(hidden).relu_() : layer.forward(hidden).tanh_();
            if (training && _dropout is not null)
                hidden = hidden * _dropout.Draw(hidden);
        }
        Tensor outputs = heads.forward(hidden);
        if (low)
            outputs = outputs.to(conditioning.dtype);
        Tensor[] both = outputs.chunk(2, 1);
        return (both[0].tanh() * (training ? gain : BoundedGain()), both[1]);
    }

    private Tensor BoundedGain() => gain.clamp(s_minGain, s_maxGain);
}
