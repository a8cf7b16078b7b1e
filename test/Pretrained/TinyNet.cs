using System.Runtime.InteropServices;
using Google.Protobuf;
using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Tests.Pretrained;

/// <summary>
/// A net of a user's own in the manner of old exporters: opset 8, a batch of one in every shape, attributes that are inputs today. Pictures
/// of 8 x 8 to a map of 4 x 4 x 4 and a vector of 4: a convolution by blocks of two, a clip, a mean, a reshape.
/// </summary>
internal static class TinyNet
{
    public const int Side = 8, Channels = 4, MapSide = 4;

    private static readonly float[] s_weights = [.. Enumerable.Range(0, Channels * 3 * 2 * 2).Select(i => (float)Math.Sin(1 + 7 * i))];

    /// <summary>Writes the net.</summary>
    public static string Write(string path, float limit = 0.9f)
    {
        var graph = new GraphProto { Name = "tiny" };
        graph.Input.Add(Value("x", 1, 3, Side, Side));
        graph.Output.Add(Value("vector", 1, Channels));
        graph.ValueInfo.Add(Value("map", 1, Channels, MapSide, MapSide));
        var weights = new TensorProto { Name = "w", DataType = 1 };
        weights.Dims.Add([Channels, 3, 2, 2]);
        weights.FloatData.Add(s_weights);
        graph.Initializer.Add(weights);
        var shape = new TensorProto { Name = "shape", DataType = 7 };
        shape.Dims.Add(2);
        shape.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<long>([1, Channels]));
        graph.Initializer.Add(shape);
        Node(graph, "Conv", ["x", "w"], "Score", Ints("strides", 2, 2), Ints("kernel_shape", 2, 2)); // named as an output of a flow
        Node(graph, "Clip", ["Score"], "map", Float("min", 0), Float("max", limit));
        Node(graph, "AveragePool", ["map"], "mean", Ints("kernel_shape", MapSide, MapSide));
        Node(graph, "Dropout", ["mean"], "kept", Float("ratio", 0.5f));
        Node(graph, "Reshape", ["kept", "shape"], "vector");
        var model = new ModelProto { IrVersion = 3, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 8 });
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }

    /// <summary>The map of one picture's input, [4, 4, 4], in double.</summary>
    public static double[] Map(double[] input, float limit = 0.9f)
    {
        var map = new double[Channels * MapSide * MapSide];
        for (int i = 0; i < map.Length; i++)
        {
            (int channel, int row, int column) = (i / (MapSide * MapSide), i / MapSide % MapSide, i % MapSide);
            for (int tap = 0; tap < 12; tap++)
            {
                (int from, int y, int x) = (tap / 4, 2 * row + tap / 2 % 2, 2 * column + tap % 2);
                map[i] += s_weights[channel * 12 + tap] * input[from * Side * Side + y * Side + x];
            }
            map[i] = Math.Clamp(map[i], 0, limit);
        }
        return map;
    }

    private static void Node(GraphProto graph, string op, string[] inputs, string output, params AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = op, Name = output };
        node.Input.Add(inputs);
        node.Output.Add(output);
        node.Attribute.Add(attributes);
        graph.Node.Add(node);
    }

    private static AttributeProto Ints(string name, params long[] values)
    {
        var attribute = new AttributeProto { Name = name, Type = 7 };
        attribute.Ints.Add(values);
        return attribute;
    }

    private static AttributeProto Float(string name, float value) => new() { Name = name, Type = 1, F = value };

    private static ValueInfoProto Value(string name, params long[] dims)
    {
        var shape = new TensorShapeProto();
        shape.Dim.Add(dims.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        return new() { Name = name, Type = new() { TensorType = new() { ElemType = 1, Shape = shape } } };
    }
}
