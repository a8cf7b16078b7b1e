using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Nets;

/// <summary>A convolution that keeps height and width, with zeros around the image: y[o] = b[o] + sum over i of W[o, i] * x[i].</summary>
public sealed class ConvLayer
{
    /// <summary>A layer from its weights, [outputs, inputs, kernel, kernel] row-major, and biases, [outputs].</summary>
    public ConvLayer(int inputs, int outputs, int kernel, ImmutableArray<float> weights, ImmutableArray<float> bias)
    {
        if (inputs < 1 || outputs < 1 || kernel is not (1 or 3)
            || weights.Length != (long)inputs * outputs * kernel * kernel || bias.Length != outputs)
        {
            throw new FlowModelException($"a {kernel}x{kernel} convolution of {inputs} inputs and {outputs} outputs has {weights.Length} "
                + $"weights and {bias.Length} biases; kernels are 1x1 or 3x3.");
        }
        Inputs = inputs;
        Outputs = outputs;
        Kernel = kernel;
        Weights = weights;
        Bias = bias;
    }

    /// <summary>The channels of x.</summary>
    public int Inputs { get; }

    /// <summary>The channels of y.</summary>
    public int Outputs { get; }

    /// <summary>The side of the kernel, 1 or 3.</summary>
    public int Kernel { get; }

    /// <summary>W, [Outputs, Inputs, Kernel, Kernel] row-major.</summary>
    public ImmutableArray<float> Weights { get; }

    /// <summary>b, [Outputs].</summary>
    public ImmutableArray<float> Bias { get; }

    /// <summary>Emits the convolution of a batch, [N, Inputs, H, W] to [N, Outputs, H, W].</summary>
    internal string Emit(GraphNodes nodes, string x)
    {
        long kernel = Kernel, margin = kernel / 2;
        return nodes.Node("Conv", [x, nodes.Constant(Weights.AsSpan(), Outputs, Inputs, kernel, kernel), nodes.Constant(Bias.AsSpan())],
            [("kernel_shape", new[] { kernel, kernel }), ("pads", new[] { margin, margin, margin, margin })]);
    }

    internal void Save(StepWriter writer, string name)
    {
        writer.Tensor(name + ".weight", Weights, Outputs, Inputs, Kernel, Kernel);
        writer.Tensor(name + ".bias", Bias);
    }

    internal static ConvLayer Load(StepReader reader, string name)
    {
        (ImmutableArray<float> weights, int[] dims) = reader.Tensor(name + ".weight", 4);
        return new(dims[1], dims[0], dims[2], weights, reader.Tensor(name + ".bias"));
    }
}
