using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// A layer of a vector net, [n, inputs] to [n, outputs]: x W^T + b, where W is learned as it is, or by weight normalisation as g v / ||v||,
/// row by row (Salimans and Kingma 2016).
/// </summary>
internal sealed class DenseLayerModule : nn.Module<Tensor, Tensor>
{
    /// <summary>
    /// The norm of a row of weights as torch draws it, uniform within 1 / sqrt(inputs): where the gain of normalised weights starts too.
    /// </summary>
    private static readonly double s_freshNorm = Math.Sqrt(1.0 / 3);

    private readonly TorchSharp.Modules.Parameter? weight;
    private readonly WeightNorm? norm;
    private readonly TorchSharp.Modules.Parameter bias;

    /// <summary>A fresh layer.</summary>
    /// <param name="inputs">Values that it reads.</param>
    /// <param name="outputs">Values that it yields.</param>
    /// <param name="normalised">Whether its weights are normalised.</param>
    /// <param name="zero">Whether it begins by yielding zeros.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    public DenseLayerModule(long inputs, long outputs, bool normalised, bool zero, Generator weights) : base(nameof(DenseLayerModule))
    {
        double bound = 1 / Math.Sqrt(inputs); // torch's own default for a linear layer, drawn from our generator
        Tensor Fresh(params long[] shape) => LastingTensor.Of(() =>
        {
            Tensor values = zeros(shape, dtype: ScalarType.Float32, device: CPU);
            return zero ? values : values.uniform_(-bound, bound, weights);
        });
        if (normalised) norm = new WeightNorm([outputs, inputs], zero ? 0 : s_freshNorm, weights);
        else weight = new TorchSharp.Modules.Parameter(Fresh(outputs, inputs));
        bias = new TorchSharp.Modules.Parameter(Fresh(outputs));
        RegisterComponents();
    }

    /// <summary>In the precision of <paramref name="x"/>, which in training may be lower than that of the weights.</summary>
    public override Tensor forward(Tensor x)
    {
        Tensor w = Weight();
        return w.dtype == x.dtype ? nn.functional.linear(x, w, bias) : nn.functional.linear(x, w.to(x.dtype), bias.to(x.dtype));
    }

    /// <summary>The plain layer.</summary>
    public DenseLayer Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor w = Weight();
        return new((int)w.shape[1], (int)w.shape[0], FloatTensors.Values(w), FloatTensors.Values(bias));
    }

    private Tensor Weight() => norm is null ? weight! : norm.Weight();
}
