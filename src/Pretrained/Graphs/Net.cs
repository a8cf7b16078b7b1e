using System.Runtime.InteropServices;
using Google.Protobuf;
using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Pretrained.Graphs;

/// <summary>The graph of a net with tensors of our choice as its outputs, and a batch of any size.</summary>
internal static class Net
{
    /// <summary>The name of the batch axis.</summary>
    private const string Batch = "N";

    /// <summary>From this version of the format on a constant need not be an input, nor be read at all.</summary>
    private const int FreeConstants = 4;

    /// <summary>
    /// Makes tensors the outputs of a graph, drops nothing else: a runtime leaves out what they do not need. The first dimension of the
    /// input, where the file fixes it, becomes any number, also where a Reshape names it.
    /// </summary>
    /// <param name="model">A graph as it was read; it is changed.</param>
    /// <param name="path">Its file, for messages.</param>
    /// <param name="input">The input's name.</param>
    /// <param name="outputs">Names of tensors.</param>
    /// <exception cref="ArgumentException">There is no such tensor; near ones are named.</exception>
    public static void Open(ModelProto model, string path, string input, IReadOnlyList<string> outputs)
    {
        GraphProto graph = model.Graph;
        HashSet<string> tensors = [.. graph.Node.SelectMany(node => node.Output)];
        if (outputs.FirstOrDefault(output => !tensors.Contains(output)) is { } missing)
        {
            string there = string.Join(", ", graph.Node
                .Where(node => node.OpType is not ("Conv" or "BatchNormalization" or "Constant" or "Identity" or "Shape"))
                .Select(node => $"'{node.Output[0]}'").TakeLast(12));
            throw new ArgumentException($"{path} has no tensor '{missing}'. Among the last it has: {there}.");
        }
        graph.Output.Clear();
        foreach (string output in outputs)
            graph.Output.Add(Value(output));
        model.IrVersion = Math.Max(model.IrVersion, FreeConstants);
        graph.ValueInfo.Clear(); // it tells of the batch that the file was made for
        TensorShapeProto.Types.Dimension first = graph.Input.First(value => value.Name == input).Type.TensorType.Shape.Dim[0];
        long fixedBatch = first.DimValue;
        first.DimParam = Batch;
        if (fixedBatch > 0)
            FreeReshapes(graph, fixedBatch);
    }

    /// <summary>A value of float32 whose dimensions a runtime finds out.</summary>
    public static ValueInfoProto Value(string name)
        => new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = GraphNodes.FloatType } } };

    /// <summary>A Reshape to [batch, ...] copies the first dimension instead.</summary>
    private static void FreeReshapes(GraphProto graph, long batch)
    {
        Dictionary<string, TensorProto> constants = graph.Initializer.ToDictionary(constant => constant.Name);
        foreach (NodeProto constant in graph.Node.Where(node => node.OpType == "Constant"))
        {
            if (constant.Attribute.FirstOrDefault(attribute => attribute.Name == "value")?.T is { } value)
                constants[constant.Output[0]] = value;
        }
        foreach (NodeProto node in graph.Node.Where(node => node.OpType == "Reshape" && node.Input.Count == 2).ToArray())
        {
            if (!constants.TryGetValue(node.Input[1], out TensorProto? constant) || constant.DataType != GraphNodes.Int64Type)
                continue;
            long[] shape = constant.RawData.Length > 0
                ? MemoryMarshal.Cast<byte, long>(constant.RawData.Span).ToArray()
                : [.. constant.Int64Data];
            if (shape.Length < 2 || shape[0] != batch || node.Attribute.Any(attribute => attribute is { Name: "allowzero", I: 1 }))
                continue;
            shape[0] = 0;
            var free = new TensorProto
            {
                Name = $"{node.Input[1]}.batch{graph.Initializer.Count}",
                DataType = GraphNodes.Int64Type,
                RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(shape)),
            };
            free.Dims.Add(shape.Length);
            graph.Initializer.Add(free);
            string fixedShape = node.Input[1];
            node.Input[1] = free.Name;
            if (!graph.Node.Any(other => other.Input.Contains(fixedShape)) && graph.Initializer.FirstOrDefault(other
                => other.Name == fixedShape) is { } unread)
            {
                graph.Initializer.Remove(unread); // a runtime would warn of it
            }
        }
    }
}
