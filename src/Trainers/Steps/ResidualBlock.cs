using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>A pre-activation residual block over <c>width</c> maps (paper, section 4.1): batch norm, ReLU, 3x3, batch norm, ReLU, 3x3, plus the identity.</summary>
internal sealed class ResidualBlock : nn.Module<Tensor, Tensor>
{
    private readonly ConditionerNorm before;
    private readonly NormedConv first;
    private readonly ConditionerNorm between;
    private readonly NormedConv second;
    private readonly NormedConv skip;

    public ResidualBlock(int width, Generator weights) : base(nameof(ResidualBlock))
    {
        before = new ConditionerNorm(width);
        first = new NormedConv(width, width, 3, gain: null, bias: false, weights);
        between = new ConditionerNorm(width);
        second = new NormedConv(width, width, 3, gain: 1, bias: true, weights);
        skip = new NormedConv(width, width, 1, gain: 1, bias: true, weights);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor y = first.forward(before.forward(x).relu_());
        return x + second.forward(between.forward(y).relu_());
    }

    /// <summary>What goes from the block's result straight to the net's output.</summary>
    public Tensor Skip(Tensor y) => skip.forward(y);

    /// <summary>The block as plain data; <paramref name="skipScale"/> is that of the norm over the sum of the skips.</summary>
    public Frozen.ResidualBlock Freeze(Tensor skipScale)
    {
        (Tensor scale, Tensor shift) = between.Affine();
        return new(before.Freeze(), first.Freeze(scale, shift), second.Freeze(), skip.Freeze(skipScale));
    }
}
