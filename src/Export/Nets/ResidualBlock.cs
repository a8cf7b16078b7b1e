using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Nets;

/// <summary>
/// A pre-activation block of a residual net: y = x + second(relu(first(relu(norm(x))) + condition(c))), and skip(y), which goes straight to
/// the net's output. The batch norm between the two convolutions is part of the first one's weights.
/// </summary>
/// <param name="Norm">The batch norm in front.</param>
/// <param name="First">The first 3x3 convolution.</param>
/// <param name="Second">The second 3x3 convolution.</param>
/// <param name="Skip">The 1x1 convolution of the result.</param>
/// <param name="Condition">
/// From what nets read of the flow's condition to a number for each map between the convolutions, the same at all pixels; null where the
/// flow has none.
/// </param>
public sealed record ResidualBlock(
    ConditionerNorm Norm, ConvLayer First, ConvLayer Second, ConvLayer Skip, DenseLayer? Condition = null)
{
    internal void Check(int width)
    {
        if (Norm.Channels != width || First.Inputs != width || Second.Inputs != First.Outputs || Second.Outputs != width
            || Skip.Inputs != width || Skip.Outputs != width || (Condition is not null && Condition.Outputs != First.Outputs))
        {
            throw new FlowModelException($"the layers of a residual block do not fit each other, or the {width} channels that enter it.");
        }
    }

    internal string Emit(GraphNodes nodes, string x, string? condition)
    {
        string first = First.Emit(nodes, nodes.Node("Relu", Norm.Emit(nodes, x)));
        if (Condition is not null)
        {
            string perMap = nodes.Node("Reshape", Condition.Emit(nodes, condition!), nodes.Constant([0L, Condition.Outputs, 1, 1]));
            first = nodes.Node("Add", first, perMap);
        }
        return nodes.Node("Add", x, Second.Emit(nodes, nodes.Node("Relu", first)));
    }

    internal void Save(StepWriter writer, string name)
    {
        Norm.Save(writer, name + ".norm");
        First.Save(writer, name + ".first");
        Second.Save(writer, name + ".second");
        Skip.Save(writer, name + ".skip");
        Condition?.Save(writer, name + ".condition");
    }

    internal static ResidualBlock Load(StepReader reader, string name, bool readsCondition)
        => new(ConditionerNorm.Load(reader, name + ".norm"), ConvLayer.Load(reader, name + ".first"),
            ConvLayer.Load(reader, name + ".second"), ConvLayer.Load(reader, name + ".skip"),
            readsCondition ? DenseLayer.Load(reader, name + ".condition") : null);
}
