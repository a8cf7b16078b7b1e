using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// y = x * exp(s) + t on the transformed half, s = gain * tanh(r), where r and t are the two heads of one net that reads the conditioning half
/// (paper, section 3.2; the learned gain as in its section 4.1 code). The heads start at zero and the gain above it: a fresh coupling is the identity.
/// </summary>
internal sealed class AffineCoupling : FlowStepModule
{
    /// <summary>No learned gain exceeds this: exp(5) = 148 per coupling is ample, and bounds what an explosion can do.</summary>
    public const double MaxGain = 5;

    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_maxGain = MaxGain.ToScalar();
    private static readonly Scalar s_minGain = (-MaxGain).ToScalar();

    private readonly MaskSplit split;
    private readonly ModuleList<Linear> trunk = new();
    private readonly Linear heads;
    private readonly TorchSharp.Modules.Parameter gain;
    private readonly Activation _activation;
    private readonly DropoutMask? _dropout;
    private readonly long _width;

    /// <summary>A fresh coupling.</summary>
    /// <param name="mask">Which positions condition and which are transformed.</param>
    /// <param name="net">The size of the net.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="noise">Draws the dropout masks in training, on the device; must outlive the training. Needed with dropout only.</param>
    public AffineCoupling(CouplingMask mask, ConditionerOptions net, Generator weights, Generator? noise = null) : base(nameof(AffineCoupling))
    {
        split = new MaskSplit(mask);
        _activation = net.Activation;
        if (net.Dropout > 0)
            _dropout = new DropoutMask(net.Dropout, noise ?? throw new ArgumentNullException(nameof(noise)));
        _width = mask.Transformed.Length;
        long inputs = mask.Conditioning.Length;
        for (int i = 0; i < net.HiddenLayers; i++)
        {
            trunk.Add(FreshLayer(inputs, net.HiddenUnits, weights));
            inputs = net.HiddenUnits;
        }
        heads = nn.Linear(inputs, 2 * _width);
        using (no_grad())
        {
            heads.weight.zero_();
            heads.bias!.zero_();
        }
        gain = new TorchSharp.Modules.Parameter(Filled([_width], net.LogScaleGain));
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(x);
        (Tensor s, Tensor t) = Net(conditioning);
        Tensor y = addcmul(t, transformed, s.exp(), s_one);
        return (split.Merge(conditioning, y), s.sum(1));
    }

    public override Tensor Inverse(Tensor y)
    {
        (Tensor conditioning, Tensor transformed) = split.Split(y);
        (Tensor s, Tensor t) = Net(conditioning);
        return split.Merge(conditioning, (transformed - t) * (-s).exp());
    }

    public override Frozen.FlowStep Freeze()
    {
        DenseLayer both = Freeze(heads);
        int width = (int)_width;
        DenseLayer Head(int first) => new(both.Inputs, width, both.Weights.AsSpan(first * both.Inputs, width * both.Inputs).ToImmutableArray(),
            both.Bias.AsSpan(first, width).ToImmutableArray());
        using Tensor bounded = BoundedGain();
        return new Frozen.AffineCoupling(split.Mask, [.. trunk.Select(Freeze)], _activation, Head(0), Head(width), Values(bounded));
    }

    private (Tensor S, Tensor T) Net(Tensor conditioning)
    {
        Tensor hidden = conditioning;
        foreach (Linear layer in trunk)
        {
            hidden = _activation == Activation.Relu ? layer.forward(hidden).relu() : layer.forward(hidden).tanh();
            if (training && _dropout is not null)
                hidden = hidden * _dropout.Draw(hidden);
        }
        Tensor outputs = heads.forward(hidden);
        return (outputs.narrow(1, 0, _width).tanh() * BoundedGain(), outputs.narrow(1, _width, _width));
    }

    private Tensor BoundedGain() => gain.clamp(s_minGain, s_maxGain);

    private static Linear FreshLayer(long inputs, long outputs, Generator generator)
    {
        Linear layer = nn.Linear(inputs, outputs);
        double bound = 1 / Math.Sqrt(inputs); // torch's own default for a linear layer, drawn from our generator
        using (no_grad())
        {
            layer.weight.uniform_(-bound, bound, generator);
            layer.bias!.uniform_(-bound, bound, generator);
        }
        return layer;
    }

    private static DenseLayer Freeze(Linear layer)
        => new((int)layer.weight.shape[1], (int)layer.weight.shape[0], Values(layer.weight), Values(layer.bias!));
}
