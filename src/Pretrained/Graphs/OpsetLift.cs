using System.Runtime.InteropServices;
using Google.Protobuf;
using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Pretrained.Graphs;

/// <summary>
/// Rewrites a graph for a newer opset, so that it can stand beside another of that one: what was an attribute of a node has become an input
/// of it, and little else has changed for the operators of convolutional nets. (ONNX, Changelog.md of the operators.)
/// </summary>
internal static class OpsetLift
{
    private const int Oldest = 7; // before it Add and its like had another broadcasting

    /// <summary>The opset of ONNX's own operators.</summary>
    public static int OpsetOf(ModelProto model) => (int)Own(model).Version;

    /// <summary>Rewrites a model, unless its opset is the target or newer.</summary>
    /// <exception cref="NotSupportedException">A node has no known form in the newer opset.</exception>
    public static void Lift(ModelProto model, int target)
    {
        OperatorSetIdProto opset = Own(model);
        int from = (int)opset.Version;
        if (from >= target)
            return;
        if (from < Oldest)
        {
            throw new NotSupportedException(
                $"The graph is of opset {from}, expected {Oldest} or newer: export the net with opset {target}.");
        }
        var graph = new Lifting(model.Graph, from, target);
        foreach (NodeProto node in model.Graph.Node)
        {
            if (IsOwn(node.Domain))
                graph.Lift(node);
        }
        opset.Version = target;
    }

    /// <summary>Whether a domain is ONNX's own.</summary>
    public static bool IsOwn(string domain) => domain is "" or "ai.onnx";

    private static OperatorSetIdProto Own(ModelProto model) => model.OpsetImport.FirstOrDefault(opset => IsOwn(opset.Domain))
        ?? throw new NotSupportedException("The graph names no opset of ONNX's own operators.");

    private sealed class Lifting(GraphProto graph, int from, int to)
    {
        private int _constants;

        public void Lift(NodeProto node)
        {
            switch (node.OpType)
            {
                case "BatchNormalization" when Crosses(9):
                    if (node.Attribute.Any(attribute => attribute.Name == "spatial" && attribute.I == 0))
                        throw Unknown(node, "with spatial = 0");
                    Take(node, "spatial");
                    break;
                case "Slice" when Crosses(10):
                    ToInputs(node, "starts", "ends", "axes");
                    break;
                case "Clip" when Crosses(11):
                    ToInputs(node, "min", "max");
                    break;
                case "Pad" when Crosses(11):
                    ToInputs(node, "pads", "value");
                    break;
                case "Dropout" when Crosses(12): // of no effect outside training
                    (node.OpType, string input, string output) = ("Identity", node.Input[0], node.Output[0]);
                    node.Input.Clear();
                    node.Output.Clear();
                    node.Attribute.Clear();
                    node.Input.Add(input);
                    node.Output.Add(output);
                    break;
                case "Split" when Crosses(13):
                    ToInputs(node, "split");
                    break;
                case "Squeeze" or "Unsqueeze" or "ReduceSum" when Crosses(13):
                    ToInputs(node, "axes");
                    break;
                case "Softmax" or "LogSoftmax" when Crosses(13) && !node.Attribute.Any(attribute => attribute is { Name: "axis", I: -1 }):
                    throw Unknown(node, "over several axes");
                case "ReduceMax" or "ReduceMean" or "ReduceMin" or "ReduceProd" or "ReduceL1" or "ReduceL2" or "ReduceSumSquare"
                    or "ReduceLogSum" or "ReduceLogSumExp" when Crosses(18):
                    ToInputs(node, "axes");
                    break;
                case "Upsample" when Crosses(10):
                case "Resize" when Crosses(11):
                case "Loop" or "Scan" or "If" when Crosses(11):
                    throw Unknown(node, "");
            }
        }

        private bool Crosses(int opset) => from < opset && opset <= to;

        private NotSupportedException Unknown(NodeProto node, string how) => new(
            $"The node '{node.Name}' ({node.OpType} of opset {from}{(how.Length > 0 ? " " + how : "")}) has no known form in opset {to}: "
            + $"export the net with opset {to}.");

        private static AttributeProto? Take(NodeProto node, string name)
        {
            AttributeProto? attribute = node.Attribute.FirstOrDefault(attribute => attribute.Name == name);
            if (attribute is not null)
                node.Attribute.Remove(attribute);
            return attribute;
        }

        /// <summary>Makes constants of attributes, as the inputs after those that there are; "" stands for one that is left out.</summary>
        private void ToInputs(NodeProto node, params ReadOnlySpan<string> names)
        {
            int places = node.Input.Count;
            foreach (string name in names)
                node.Input.Add(Take(node, name) is { } attribute ? Constant(attribute) : "");
            while (node.Input.Count > places && node.Input[^1].Length == 0)
                node.Input.RemoveAt(node.Input.Count - 1);
        }

        private string Constant(AttributeProto attribute)
        {
            bool isFloat = attribute.Type == GraphNodes.AttributeFloat;
            var tensor = new TensorProto
            {
                Name = $"RealNvp.lifted{graph.Initializer.Count}_{_constants++}",
                DataType = isFloat ? GraphNodes.FloatType : GraphNodes.Int64Type,
                RawData = ByteString.CopyFrom(isFloat
                    ? MemoryMarshal.AsBytes([attribute.F])
                    : MemoryMarshal.AsBytes<long>(attribute.Ints.ToArray())),
            };
            if (!isFloat)
                tensor.Dims.Add(attribute.Ints.Count);
            graph.Initializer.Add(tensor);
            return tensor.Name;
        }
    }
}
