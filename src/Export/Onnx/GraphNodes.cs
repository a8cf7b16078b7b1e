using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace RealNvp.ML.Export.Onnx;

/// <summary>
/// Writes the nodes of one ONNX graph. Tensors are known by their names. Equal constants are stored once and equal nodes computed once, so
/// that the members of a mixture share what they have in common.
/// </summary>
internal sealed class GraphNodes
{
    /// <summary>Graphs of our own: read by every runtime of the last years, with all operators that the flow needs.</summary>
    public const int Opset = 17;

    /// <summary>
    /// Parts of a graph that ML.NET writes, which cannot have a newer one. Three operators are written otherwise in it, no other.
    /// </summary>
    public const int PipelineOpset = 12;

    /// <summary>ONNX's numbers of the types of a tensor.</summary>
    public const int FloatType = 1, Int64Type = 7, BoolType = 9, DoubleType = 11;

    /// <summary>ONNX's numbers of the types of an attribute.</summary>
    public const int AttributeFloat = 1, AttributeInt = 2, AttributeString = 3, AttributeInts = 7;

    private const int IrVersion = 8;

    private readonly GraphProto _graph;
    private readonly int _opset;
    private readonly Dictionary<string, int> _counts = [];
    private readonly Dictionary<ByteString, string> _constants = [];
    private readonly Dictionary<ByteString, string> _results = [];

    /// <summary>An empty graph.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="opset"><see cref="Opset"/> or <see cref="PipelineOpset"/>.</param>
    public GraphNodes(string name, int opset) => (_graph, _opset) = (new GraphProto { Name = name }, opset);

    /// <summary>Adds a node with one output and returns the output's name.</summary>
    public string Node(string op, params ReadOnlySpan<string> inputs) => Node(op, inputs, []);

    /// <summary>Adds a node with one output and attributes (long, float, string or long[]).</summary>
    public string Node(string op, ReadOnlySpan<string> inputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        NodeProto node = Create(op, inputs, attributes);
        ByteString content = node.ToByteString(); // without its output: what makes two nodes the same
        if (_results.TryGetValue(content, out string? output))
            return output;
        output = Unique(op);
        _results.Add(content, output);
        Add(node, [output]);
        return output;
    }

    /// <summary>Adds a node that yields several tensors.</summary>
    public string[] Node(string op, ReadOnlySpan<string> inputs, int outputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var names = new string[outputs];
        for (int i = 0; i < outputs; i++)
            names[i] = Unique(op);
        Add(Create(op, inputs, attributes), names);
        return names;
    }

    /// <summary>Gives a tensor a name of its own, for a graph output.</summary>
    public void Name(string output, string tensor) => Add(Create("Identity", [tensor], []), [output]);

    /// <summary>The natural logarithm of floats, by way of double.</summary>
    /// <remarks>ONNX Runtime takes logarithms several at a time and what is left over one by one, which rounds otherwise: in float a row
    /// would get other numbers by its place in a batch. See <see cref="DoubleRowSum"/> for sums.</remarks>
    public string Log(string x) => ToFloat(Node("Log", ToDouble(x)));

    /// <summary>The sum over the last axis of floats [N, k] in double, as [N, 1].</summary>
    /// <remarks>What is summed in float depends on where in memory a row begins, and so on the rows before it; in double what is left of
    /// that is far below float's precision.</remarks>
    public string DoubleRowSum(string x) => DoubleSum(x, axis: 1, keep: true);

    /// <summary>The sum of floats over any axis in double; the axis stays with one value or goes.</summary>
    public string DoubleSum(string x, long axis, bool keep) => Sum(ToDouble(x), axis, keep);

    /// <summary>The sum over the last axis of [N, k], as [N, 1].</summary>
    public string RowSum(string x) => Sum(x, axis: 1, keep: true);

    /// <summary>The sum over an axis, which stays with one value or goes.</summary>
    public string Sum(string x, long axis, bool keep) => _opset >= 13
        ? Node("ReduceSum", [x, Constant([axis])], [("keepdims", keep ? 1L : 0L)])
        : Node("ReduceSum", [x], [("axes", new[] { axis }), ("keepdims", keep ? 1L : 0L)]);

    /// <summary>Parts of this many columns each of [N, k, ...].</summary>
    public string[] Split(string x, params long[] columns) => _opset >= 13
        ? Node("Split", [x, Constant(columns)], columns.Length, [("axis", 1L)])
        : Node("Split", [x], columns.Length, [("axis", 1L), ("split", columns)]);

    /// <summary>The number of rows of a tensor, [1].</summary>
    public string RowCount(string x) => _opset >= 15
        ? Node("Shape", [x], [("start", 0L), ("end", 1L)])
        : Node("Gather", Node("Shape", x), Constant([0L]));

    /// <summary>A float constant of no dimensions.</summary>
    public string Scalar(double value) => Initializer(FloatType, MemoryMarshal.AsBytes([(float)value]), []);

    /// <summary>A double constant of no dimensions, for the few nodes that float would round too much.</summary>
    public string DoubleScalar(double value) => Initializer(DoubleType, MemoryMarshal.AsBytes([value]), []);

    /// <summary>A tensor as double.</summary>
    public string ToDouble(string x) => Node("Cast", [x], [("to", (long)DoubleType)]);

    /// <summary>A tensor as whole numbers.</summary>
    public string ToInteger(string x) => Node("Cast", [x], [("to", (long)Int64Type)]);

    /// <summary>A tensor as float.</summary>
    public string ToFloat(string x) => Node("Cast", [x], [("to", (long)FloatType)]);

    /// <summary>A float constant, [length] unless <paramref name="dims"/> say otherwise.</summary>
    public string Constant(ReadOnlySpan<float> values, params ReadOnlySpan<long> dims)
        => Initializer(FloatType, MemoryMarshal.AsBytes(values), dims.IsEmpty ? [values.Length] : dims);

    /// <summary>A float constant, rounded from double.</summary>
    public string Constant(double[] values, params ReadOnlySpan<long> dims)
        => Constant(Array.ConvertAll(values, value => (float)value), dims);

    /// <summary>An integer constant, [length].</summary>
    public string Constant(ReadOnlySpan<long> values) => Initializer(Int64Type, MemoryMarshal.AsBytes(values), [values.Length]);

    /// <summary>Declares a graph input of float32; a dimension is a number or the name of an axis.</summary>
    public void Input(string name, params ReadOnlySpan<object> dims) => _graph.Input.Add(Value(name, FloatType, dims));

    /// <summary>Declares a graph input that may be left out: its default is stored as an initializer of the same name (IR >= 4).</summary>
    public void OptionalInput(string name, float byDefault)
    {
        Input(name, 1);
        var tensor = new TensorProto
        {
            Name = name,
            DataType = FloatType,
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes([byDefault])),
        };
        tensor.Dims.Add(1);
        _graph.Initializer.Add(tensor);
    }

    /// <summary>Declares a graph output of float32 or bool.</summary>
    public void Output(string name, bool isBool, params ReadOnlySpan<object> dims)
        => _graph.Output.Add(Value(name, isBool ? BoolType : FloatType, dims));

    /// <summary>The finished model.</summary>
    public byte[] ToModel(string description, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var model = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "RealNvp.ML",
            ProducerVersion = typeof(GraphNodes).Assembly.GetName().Version?.ToString(3) ?? "",
            DocString = description,
            Graph = _graph,
        };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = _opset });
        foreach ((string key, string value) in metadata)
            model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        return model.ToByteArray();
    }

    private void Add(NodeProto node, ReadOnlySpan<string> outputs)
    {
        node.Name = "node_" + outputs[0];
        foreach (string output in outputs)
            node.Output.Add(output);
        _graph.Node.Add(node);
    }

    private static NodeProto Create(string op, ReadOnlySpan<string> inputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = new NodeProto { OpType = op };
        foreach (string input in inputs)
            node.Input.Add(input);
        foreach ((string name, object value) in attributes)
        {
            var attribute = new AttributeProto { Name = name };
            switch (value)
            {
                case long number: (attribute.I, attribute.Type) = (number, AttributeInt); break;
                case float number: (attribute.F, attribute.Type) = (number, AttributeFloat); break;
                case string text: (attribute.S, attribute.Type) = (ByteString.CopyFromUtf8(text), AttributeString); break;
                case long[] numbers: attribute.Ints.AddRange(numbers); attribute.Type = AttributeInts; break;
                default: throw new ArgumentException($"Attribute {name} has the type {value.GetType()}.", nameof(attributes));
            }
            node.Attribute.Add(attribute);
        }
        return node;
    }

    private string Initializer(int type, ReadOnlySpan<byte> data, ReadOnlySpan<long> dims)
    {
        var tensor = new TensorProto { DataType = type, RawData = ByteString.CopyFrom(data) };
        tensor.Dims.AddRange(dims.ToArray());
        ByteString content = tensor.ToByteString(); // without its name: what makes two constants the same
        if (_constants.TryGetValue(content, out string? name))
            return name;
        tensor.Name = name = $"c{_constants.Count}";
        _constants.Add(content, name);
        _graph.Initializer.Add(tensor);
        return name;
    }

    private static ValueInfoProto Value(string name, int type, ReadOnlySpan<object> dims)
    {
        var shape = new TensorShapeProto();
        foreach (object dim in dims)
        {
            shape.Dim.Add(dim is string axis
                ? new TensorShapeProto.Types.Dimension { DimParam = axis }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dim, CultureInfo.InvariantCulture) });
        }
        var tensor = new TypeProto.Types.Tensor { ElemType = type, Shape = shape };
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    private string Unique(string op)
    {
        int count = _counts.GetValueOrDefault(op);
        _counts[op] = count + 1;
        return $"{op.ToLowerInvariant()}_{count}";
    }
}
