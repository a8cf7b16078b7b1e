using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>A convolution that keeps height and width, with weights that are learned as they are.</summary>
internal sealed class PlainConvModule : nn.Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.Parameter weight;
    private readonly TorchSharp.Modules.Parameter? bias;
    private readonly long[] _padding;

    /// <summary>A fresh convolution.</summary>
    /// <param name="inputs">The channels that it reads.</param>
    /// <param name="outputs">The channels that it yields.</param>
    /// <param name="kernel">1 or 3.</param>
    /// <param name="zero">Whether it begins by yielding zeros.</param>
    /// <param name="bias">Whether there is a bias.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    public PlainConvModule(int inputs, int outputs, int kernel, bool zero, bool bias, Generator weights) : base(nameof(PlainConvModule))
    {
        double bound = 1 / Math.Sqrt((double)inputs * kernel * kernel); // torch's own default, drawn from our generator
        TorchSharp.Modules.Parameter Fresh(params long[] shape)
        {
            Tensor values = zeros(shape, dtype: ScalarType.Float32, device: CPU);
            return new TorchSharp.Modules.Parameter(zero ? values : values.uniform_(-bound, bound, weights));
        }
        _padding = [kernel / 2, kernel / 2];
        weight = Fresh(outputs, inputs, kernel, kernel);
        if (bias)
            this.bias = Fresh(outputs);
        RegisterComponents();
    }

    /// <summary>In the precision of <paramref name="x"/>, which in training may be lower than that of the weights.</summary>
    public override Tensor forward(Tensor x) => weight.dtype == x.dtype
        ? nn.functional.conv2d(x, weight, bias, padding: _padding)
        : nn.functional.conv2d(x, weight.to(x.dtype), bias?.to(x.dtype), padding: _padding);

    /// <summary>The convolution as plain data.</summary>
    public ConvLayer Freeze() => new((int)weight.shape[1], (int)weight.shape[0], (int)weight.shape[2], FloatTensors.Values(weight),
        bias is null ? [.. new float[weight.shape[0]]] : FloatTensors.Values(bias));
}
