using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Nets;

/// <summary>A batch norm inside a convolutional net, frozen: y = scale * x + shift per channel.</summary>
public sealed class ConditionerNorm
{
    /// <summary>A frozen batch norm.</summary>
    public ConditionerNorm(ImmutableArray<float> scale, ImmutableArray<float> shift)
    {
        if (scale.IsEmpty || scale.Length != shift.Length)
            throw new FlowModelException($"a batch norm of {scale.Length} scales has {shift.Length} shifts.");
        Scale = scale;
        Shift = shift;
    }

    /// <summary>The factor of each channel.</summary>
    public ImmutableArray<float> Scale { get; }

    /// <summary>What is added to each channel after the factor.</summary>
    public ImmutableArray<float> Shift { get; }

    /// <summary>The number of channels.</summary>
    public int Channels => Scale.Length;

    /// <summary>
    /// Emits a BatchNormalization node: runtimes compute it together with the ReLU after it, in the layout that convolutions use.
    /// </summary>
    internal string Emit(GraphNodes nodes, string x) => nodes.Node("BatchNormalization",
        [
            x, nodes.Constant(Scale.AsSpan()), nodes.Constant(Shift.AsSpan()),
            nodes.Constant(new float[Channels]), nodes.Constant(Enumerable.Repeat(1f, Channels).ToArray()),
        ],
        [("epsilon", 0f)]);

    internal void Save(StepWriter writer, string name)
    {
        writer.Tensor(name + ".scale", Scale);
        writer.Tensor(name + ".shift", Shift);
    }

    internal static ConditionerNorm Load(StepReader reader, string name)
        => new(reader.Tensor(name + ".scale"), reader.Tensor(name + ".shift"));
}
