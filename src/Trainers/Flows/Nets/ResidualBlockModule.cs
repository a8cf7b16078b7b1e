using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// A pre-activation residual block over <c>width</c> maps (paper, section 4.1): batch norm, ReLU, 3x3, batch norm, ReLU, 3x3, plus the
/// identity; behind the second batch norm a linear map of the flow's condition, where it has one, is added to each map. In training, whole
/// maps may be dropped before the second convolution.
/// </summary>
internal sealed class ResidualBlockModule : nn.Module<Tensor, Tensor?, Tensor>
{
    private readonly ConditionerNormModule before;
    private readonly ConvLayerModule first;
    private readonly ConditionerNormModule between;
    private readonly ConvLayerModule second;
    private readonly ConvLayerModule skip;
    private readonly DenseLayerModule? condition;
    private readonly double _dropout;
    private readonly Scalar _dropoutScale;
    private readonly DeviceRandom? _noise;

    public ResidualBlockModule(ImageCouplingOptions options, Generator weights, DeviceRandom? noise) : base(nameof(ResidualBlockModule))
    {
        int width = options.Width;
        _dropout = options.Dropout;
        _dropoutScale = (1 / (1 - _dropout)).ToScalar();
        _noise = _dropout == 0 || noise is not null ? noise : throw new ArgumentNullException(nameof(noise));
        before = new ConditionerNormModule(width);
        first = new ConvLayerModule(width, width, 3, gain: null, bias: false, weights, options.UniformStart);
        between = new ConditionerNormModule(width);
        second = new ConvLayerModule(width, width, 3, options.GainOf(3), bias: true, weights, options.UniformStart);
        skip = new ConvLayerModule(width, width, 1, options.GainOf(1), bias: true, weights, options.UniformStart);
        if (options.ConditionInputs > 0)
            condition = new DenseLayerModule(options.ConditionInputs, width, normalised: false, zero: false, weights);
        RegisterComponents();
    }

    /// <summary>The block's result.</summary>
    /// <param name="x">[N, width, H, W].</param>
    /// <param name="given">What it reads of the condition, [N, inputs]; null where there is none.</param>
    public override Tensor forward(Tensor x, Tensor? given)
    {
        Tensor y = first.forward(before.forward(x).relu_());
        Tensor hidden = between.forward(y);
        if (condition is not null)
            hidden.PlusInPlace(condition.forward(given!).to(hidden.dtype).reshape(x.shape[0], -1, 1, 1));
        hidden = hidden.relu_();
        if (training && _dropout > 0)
        {
            Tensor maps = empty([RowShard.Drawn(hidden.shape[0]), hidden.shape[1], 1, 1], dtype: hidden.dtype, device: hidden.device);
            hidden = hidden * RowShard.Own(maps.bernoulli_(1 - _dropout, _noise!.Generator).mul_(_dropoutScale));
        }
        return second.forward(hidden).PlusInPlace(x);
    }

    /// <summary>What goes from the block's result straight to the net's output.</summary>
    public Tensor Skip(Tensor y) => skip.forward(y);

    /// <summary>The block as plain data; <paramref name="skipScale"/> is that of the norm over the sum of the skips.</summary>
    public ResidualBlock Freeze(Tensor skipScale)
    {
        (Tensor scale, Tensor shift) = between.Affine();
        return new(before.Freeze(), first.Freeze(scale, shift), second.Freeze(), skip.Freeze(skipScale),
            condition?.Freeze());
    }
}
