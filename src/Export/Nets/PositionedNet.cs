using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Nets;

/// <summary>
/// The net of a coupling of continuous maps: [N, C, H, W] of the conditioning channels to [N, 2 K, H, W], first the K maps r of the
/// log-scale, then the K maps t of the shift. A convolution of the channels, to which a 1x1 convolution of the planes of the position is
/// added, then further convolutions, each after a ReLU. With 1x1 kernels alone what it says of a position depends on that position only.
/// </summary>
public sealed class PositionedNet
{
    /// <summary>More frequencies would be finer than any map.</summary>
    private const int MostFrequencies = 24;

    /// <summary>A frozen net.</summary>
    /// <param name="first">The convolution of the conditioning channels.</param>
    /// <param name="position">
    /// The 1x1 convolution of the planes of the position, four for each frequency, sine and cosine down and across; null where the net does
    /// not know the position.
    /// </param>
    /// <param name="hidden">The convolutions between the first and the last.</param>
    /// <param name="output">The last convolution, which yields r and t.</param>
    public PositionedNet(ConvLayer first, ConvLayer? position, ImmutableArray<ConvLayer> hidden, ConvLayer output)
    {
        int width = first.Outputs;
        if (position is not null && (position.Outputs != width || position.Kernel != 1
            || position.Inputs % PositionPlanes.PerFrequency != 0
            || position.Inputs / PositionPlanes.PerFrequency > MostFrequencies))
        {
            throw new FlowModelException($"a {position.Kernel}x{position.Kernel} convolution of {position.Inputs} planes of the position "
                + $"yields {position.Outputs} maps; expected four planes, 1x1, for each of at most {MostFrequencies} frequencies, and "
                + $"{width} maps.");
        }
        foreach (ConvLayer layer in hidden.Append(output))
        {
            if (layer.Inputs != width)
                throw new FlowModelException($"a layer reads {layer.Inputs} maps where the one before it yields {width}.");
            width = layer.Outputs;
        }
        if (width % 2 != 0)
            throw new FlowModelException($"a net yields {width} maps, expected as many of the log-scale as of the shift.");
        First = first;
        Position = position;
        Hidden = hidden;
        Output = output;
    }

    /// <summary>The convolution of the conditioning channels.</summary>
    public ConvLayer First { get; }

    /// <summary>The convolution of the planes of the position; null where the net does not know it.</summary>
    public ConvLayer? Position { get; }

    /// <summary>The convolutions between the first and the last.</summary>
    public ImmutableArray<ConvLayer> Hidden { get; }

    /// <summary>The last convolution.</summary>
    public ConvLayer Output { get; }

    /// <summary>Emits the net and returns r and t.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="x">The conditioning channels, [N, C, height, width].</param>
    /// <param name="height">Of the map.</param>
    /// <param name="width">Of the map.</param>
    internal (string R, string T) Emit(GraphNodes nodes, string x, int height, int width)
    {
        string hidden = First.Emit(nodes, x);
        if (Position is not null)
        {
            // one term for all rows: runtimes compute it once, when they load the graph
            string planes = nodes.Constant(PositionPlanes.Of(Position.Inputs / PositionPlanes.PerFrequency, height, width),
                1, Position.Inputs, height, width);
            hidden = nodes.Node("Add", hidden, Position.Emit(nodes, planes));
        }
        foreach (ConvLayer layer in Hidden.Append(Output))
            hidden = layer.Emit(nodes, nodes.Node("Relu", hidden));
        string[] heads = nodes.Split(hidden, Output.Outputs / 2, Output.Outputs / 2);
        return (heads[0], heads[1]);
    }

    internal void Save(StepWriter writer)
    {
        First.Save(writer, "first");
        writer.Number("has_position", Position is null ? 0 : 1);
        Position?.Save(writer, "position");
        writer.Number("hidden", Hidden.Length);
        for (int i = 0; i < Hidden.Length; i++)
            Hidden[i].Save(writer, $"hidden.{i}");
        Output.Save(writer, "output");
    }

    internal static PositionedNet Load(StepReader reader)
    {
        // a list, which grows by what is there: a file may promise more layers than fit into memory
        var hidden = new List<ConvLayer>();
        for (int i = 0, count = reader.Count("hidden"); i < count; i++)
            hidden.Add(ConvLayer.Load(reader, $"hidden.{i}"));
        return new(ConvLayer.Load(reader, "first"), reader.Count("has_position") != 0 ? ConvLayer.Load(reader, "position") : null,
            [.. hidden], ConvLayer.Load(reader, "output"));
    }
}
