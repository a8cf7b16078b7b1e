using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A pre-activation block of a residual net: y = x + second(relu(first(relu(norm(x))))), and skip(y), which goes straight to the net's output. The batch norm
/// between the two convolutions is part of the first one's weights.
/// </summary>
/// <param name="Norm">The batch norm in front.</param>
/// <param name="First">The first 3x3 convolution.</param>
/// <param name="Second">The second 3x3 convolution.</param>
/// <param name="Skip">The 1x1 convolution of the result.</param>
public sealed record ResidualBlock(ChannelAffine Norm, ConvLayer First, ConvLayer Second, ConvLayer Skip)
{
    internal void Check(int width)
    {
        if (Norm.Channels != width || First.Inputs != width || Second.Inputs != First.Outputs || Second.Outputs != width || Skip.Inputs != width || Skip.Outputs != width)
            throw new FlowModelException($"the layers of a residual block do not fit each other, or the {width} channels that enter it.");
    }

    internal string Write(GraphNodes nodes, string x)
    {
        string first = nodes.Conv(nodes.Node("Relu", Norm.Write(nodes, x)), First);
        return nodes.Node("Add", x, nodes.Conv(nodes.Node("Relu", first), Second));
    }

    internal void Write(StepWriter writer, string name)
    {
        Norm.Write(writer, name + ".norm");
        First.Write(writer, name + ".first");
        Second.Write(writer, name + ".second");
        Skip.Write(writer, name + ".skip");
    }

    internal static ResidualBlock Read(StepReader reader, string name)
        => new(ChannelAffine.Read(reader, name + ".norm"), ConvLayer.Read(reader, name + ".first"), ConvLayer.Read(reader, name + ".second"), ConvLayer.Read(reader, name + ".skip"));
}
