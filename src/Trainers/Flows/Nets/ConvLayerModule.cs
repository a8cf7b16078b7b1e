using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>A convolution with normalised weights that keeps height and width: [N, inputs, H, W] to [N, outputs, H, W].</summary>
internal sealed class ConvLayerModule : nn.Module<Tensor, Tensor>
{
    private readonly WeightNorm norm;
    private readonly TorchSharp.Modules.Parameter? bias;
    private readonly int _inputs, _outputs, _kernel;
    private readonly long[] _padding;

    /// <summary>A fresh convolution.</summary>
    /// <param name="inputs">The channels that it reads.</param>
    /// <param name="outputs">The channels that it yields.</param>
    /// <param name="kernel">1 or 3.</param>
    /// <param name="gain">Where the learned gain of the weights starts, or null for the fixed norm 1.</param>
    /// <param name="bias">Whether there is a bias; a batch norm right after has its own.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="uniform">Whether these are uniform within +-sqrt(2 / inputs), as in the original, and not normal.</param>
    public ConvLayerModule(int inputs, int outputs, int kernel, double? gain, bool bias, Generator weights, bool uniform = false)
        : base(nameof(ConvLayerModule))
    {
        (_inputs, _outputs, _kernel) = (inputs, outputs, kernel);
        _padding = [kernel / 2, kernel / 2];
        norm = new WeightNorm([outputs, inputs, kernel, kernel], gain, weights, uniform ? Math.Sqrt(2.0 / inputs) : null);
        if (bias)
            this.bias = new TorchSharp.Modules.Parameter(zeros(outputs, dtype: ScalarType.Float32, device: CPU));
        RegisterComponents();
    }

    /// <summary>In the precision of <paramref name="x"/>, which in training may be lower than that of the weights.</summary>
    public override Tensor forward(Tensor x)
    {
        Tensor weight = norm.Weight();
        return weight.dtype == x.dtype
            ? nn.functional.conv2d(x, weight, bias, padding: _padding)
            : nn.functional.conv2d(x, weight.to(x.dtype), bias?.to(x.dtype), padding: _padding);
    }

    /// <summary>The plain convolution that yields scale * y + shift where this one yields y; y itself by default.</summary>
    public ConvLayer Freeze(Tensor? scale = null, Tensor? shift = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = norm.Weight(), constant = bias is null ? zeros(_outputs, dtype: weight.dtype, device: weight.device) : bias.alias();
        if (scale is not null)
            (weight, constant) = (weight * scale.reshape(-1, 1, 1, 1), constant * scale);
        if (shift is not null)
            constant = constant.Plus(shift);
        return new(_inputs, _outputs, _kernel, FloatTensors.Values(weight), FloatTensors.Values(constant));
    }
}
