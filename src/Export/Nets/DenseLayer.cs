using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Nets;

/// <summary>A fully connected layer, y = W x + b.</summary>
public sealed class DenseLayer
{
    /// <summary>A layer from its weights, [outputs, inputs] row-major, and biases, [outputs].</summary>
    public DenseLayer(int inputs, int outputs, ImmutableArray<float> weights, ImmutableArray<float> bias)
    {
        if (inputs < 1 || outputs < 1 || weights.Length != (long)inputs * outputs || bias.Length != outputs)
            throw new FlowModelException(
                $"a dense layer of {inputs} inputs and {outputs} outputs has {weights.Length} weights and {bias.Length} biases.");
        Inputs = inputs;
        Outputs = outputs;
        Weights = weights;
        Bias = bias;
    }

    /// <summary>The length of x.</summary>
    public int Inputs { get; }

    /// <summary>The length of y.</summary>
    public int Outputs { get; }

    /// <summary>W, [Outputs, Inputs] row-major.</summary>
    public ImmutableArray<float> Weights { get; }

    /// <summary>b, [Outputs].</summary>
    public ImmutableArray<float> Bias { get; }

    /// <summary>The layer that reads u where this one reads scale * u.</summary>
    internal DenseLayer WithInputScale(double[] scale)
    {
        int inputs = Inputs;
        return new(Inputs, Outputs, [.. Weights.Select((weight, i) => (float)(weight * scale[i % inputs]))], Bias);
    }

    /// <summary>The layer that yields scale * y + shift where this one yields y.</summary>
    internal DenseLayer WithOutputAffine(double[] scale, double[] shift)
    {
        int inputs = Inputs;
        return new(Inputs, Outputs,
            [.. Weights.Select((weight, i) => (float)(weight * scale[i / inputs]))],
            [.. Bias.Select((bias, i) => (float)(bias * scale[i] + shift[i]))]);
    }

    /// <summary>Emits W x + b for a batch of rows.</summary>
    internal string Emit(GraphNodes nodes, string x)
        => nodes.Node("Gemm", [x, nodes.Constant(Weights.AsSpan(), Outputs, Inputs), nodes.Constant(Bias.AsSpan())], [("transB", 1L)]);

    internal void Save(StepWriter writer, string name)
    {
        writer.Tensor(name + ".weight", Weights, Outputs, Inputs);
        writer.Tensor(name + ".bias", Bias);
    }

    internal static DenseLayer Load(StepReader reader, string name)
    {
        (ImmutableArray<float> weights, int outputs, int inputs) = reader.Matrix(name + ".weight");
        return new(inputs, outputs, weights, reader.Tensor(name + ".bias"));
    }
}
