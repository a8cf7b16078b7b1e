using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Model.OnnxConverter;
using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>
/// The graph that ML.NET's <c>ConvertToOnnx</c> is writing, as far as the steps before a view of ours: what it has of their columns, and
/// how our own graph becomes a part of it.
/// </summary>
internal sealed class PipelineGraph
{
    private readonly OnnxContext _context;
    private readonly IDataView _source;
    private readonly string _name;

    /// <summary>The graph before a view of ours.</summary>
    /// <param name="context">ML.NET's.</param>
    /// <param name="source">The view that ours reads.</param>
    /// <param name="name">The transformer, as errors call it.</param>
    public PipelineGraph(OnnxContext context, IDataView source, string name)
    {
        context.CheckOpSetVersion(GraphNodes.PipelineOpset, name);
        (_context, _source, _name) = (context, source, name);
        Start = StartOf(context, source);
    }

    /// <summary>The view whose columns are the graph's inputs: the first, from here, that ML.NET cannot convert.</summary>
    public IDataView Start { get; }

    /// <summary>
    /// Requires that ML.NET can convert what comes before a part. It goes no further back than to the first view that it cannot, and takes
    /// the columns of the data behind all views, whatever became of them since, for those of this view.
    /// </summary>
    /// <param name="context">ML.NET's.</param>
    /// <param name="source">The view that the part reads.</param>
    /// <param name="part">The part.</param>
    /// <exception cref="InvalidOperationException">It cannot: a column is named, and what to do.</exception>
    public static void Require(OnnxContext context, IDataView source, IPipelinePart part)
    {
        RequireData(source);
        IDataView start = StartOf(context, source);
        foreach (PipelineInput input in part.Inputs)
        {
            foreach (string needed in NeededAt(start, source, input.Column))
            {
                if (MakerOf(start, needed) is not { } maker)
                    continue;
                string how = maker == start ? $"which makes '{needed}'" : $"and '{needed}', made by {StepName(maker)}, comes before it";
                throw new InvalidOperationException(
                    $"ConvertToOnnx cannot convert the column '{input.Column}', which {part.Name} "
                        + "reads: ML.NET has no ONNX form of the step "
                    + $"{StepName(start)}, {how}. {LeftOutside(input.Column)}");
            }
        }
    }

    /// <summary>What to do where a step before a flow cannot be in the graph.</summary>
    public static string LeftOutside(string column) =>
        "Leave what makes the column outside of the graph: hand over a view taken after it, such as "
        + $"mlContext.Data.Cache(mlContext.Transforms.SelectColumns(\"{column}\").Fit(view).Transform(view)), as the data, and convert the "
        + "transformers that follow.";

    private static IDataView StartOf(OnnxContext context, IDataView view)
    {
        while (view is ITransformCanSaveOnnx transform && transform.CanSaveOnnx(context))
            view = transform.Source;
        return view;
    }

    /// <summary>The columns of a view that a column of a later one follows from.</summary>
    private static IEnumerable<string> NeededAt(IDataView start, IDataView view, string column)
    {
        IEnumerable<string> names = [column];
        for (; view != start; view = ((IDataTransform)view).Source)
        {
            DataViewSchema.Column[] columns = [.. names.Select(name => view.Schema.GetColumnOrNull(name)).OfType<DataViewSchema.Column>()];
            names = view switch
            {
                IRowToRowMapper mapper => [.. mapper.GetDependencies(columns).Select(needed => needed.Name).Distinct()],
                ConvertibleView.IPart part => [.. columns.Select(needed => needed.Name).Concat(part.Inputs.Select(input => input.Column))],
                _ => [.. columns.Select(needed => needed.Name)],
            };
        }
        return names;
    }

    /// <summary>The last step, up to a view, that made a column; null where it is one of the data.</summary>
    private static IDataView? MakerOf(IDataView view, string column)
    {
        for (; view is IDataTransform { Source: var before }; view = before)
        {
            if (view.Schema.Count(other => other.Name == column) > before.Schema.Count(other => other.Name == column))
                return view;
        }
        return null;
    }

    /// <summary>Requires data whose columns a graph can have as inputs: ML.NET makes one of each, wanted or not.</summary>
    private static void RequireData(IDataView view)
    {
        while (view is IDataTransform transform)
            view = transform.Source;
        foreach (DataViewSchema.Column column in view.Schema)
        {
            if (((column.Type as VectorDataViewType)?.ItemType ?? column.Type)
                is NumberDataViewType or KeyDataViewType or BooleanDataViewType or TextDataViewType)
            {
                continue;
            }
            throw new InvalidOperationException($"ConvertToOnnx cannot convert the column '{column.Name}' of the data, "
                + $"which is {column.Type}: "
                + "it makes an input of every column, and a graph holds numbers, flags and text. Convert with a "
                + "view that does not have it, "
                + $"such as mlContext.Data.Cache(mlContext.Transforms.DropColumns(\"{column.Name}\").Fit(data).Transform(data)).");
        }
    }

    /// <summary>Adds a graph of ours: its inputs are columns that are there, its outputs become columns.</summary>
    /// <param name="model">ONNX bytes of opset 12. Inputs that are not named keep their defaults.</param>
    /// <param name="inputs">What is read.</param>
    /// <param name="outputs">What is added; other outputs are left out.</param>
    /// <returns>The tensors of the inputs, and after them those of the outputs, by their names in this graph.</returns>
    /// <exception cref="InvalidOperationException">A column that is read is not in the graph.</exception>
    public string[] Add(byte[] model, ImmutableArray<PipelineInput> inputs, ImmutableArray<PipelineOutput> outputs)
    {
        GraphProto graph = ModelProto.Parser.ParseFrom(model).Graph;
        string prefix = Prefix();
        var names = new Dictionary<string, string>(StringComparer.Ordinal); // tensors of our graph by their names in this one
        foreach (PipelineInput input in inputs)
        {
            if (!_context.ContainsColumn(input.Column))
                throw new InvalidOperationException(WhyMissing(input.Column));
            // whatever its dimensions are in this graph
            names[input.Tensor] = Reshape(_context.GetVariableName(input.Column), Inner(prefix + input.Tensor), prefix, [-1, input.Width]);
        }
        foreach (TensorProto constant in graph.Initializer)
        {
            if (!names.ContainsKey(constant.Name))
                names[constant.Name] = Forget(prefix + constant.Name, name => AddConstant(constant, name));
        }
        string[] columns = [.. outputs.Select(output => _context.AddIntermediateVariable(output.Type, output.Column))];
        for (int i = 0; i < outputs.Length; i++)
        {
            if (Dimensions(outputs[i]) is null)
                names[outputs[i].Tensor] = columns[i];
        }
        foreach (NodeProto node in graph.Node)
            AddNode(node, prefix, names);
        for (int i = 0; i < outputs.Length; i++)
        {
            if (Dimensions(outputs[i]) is { } dimensions)
                Reshape(names[outputs[i].Tensor], columns[i], prefix, [-1, .. dimensions]);
        }
        return [.. inputs.Select(input => names[input.Tensor]), .. columns];
    }

    /// <summary>
    /// The graph as it is, as ONNX bytes that give out some of its tensors; null where this version of ML.NET does not tell it.
    /// </summary>
    /// <param name="tensors">Their names, and whether they are flags; numbers are Single.</param>
    public byte[]? ToModel(IEnumerable<(string Name, bool IsFlag)> tensors)
    {
        MethodInfo? make = _context.GetType().GetMethod("MakeModel",
            BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, []);
        if (make?.Invoke(_context, null) is not IMessage made)
            return null;
        ModelProto model = ModelProto.Parser.ParseFrom(made.ToByteArray());
        foreach ((string name, bool isFlag) in tensors)
        {
            var type = new TypeProto
                { TensorType = new TypeProto.Types.Tensor { ElemType = isFlag ? GraphNodes.BoolType : GraphNodes.FloatType } };
            model.Graph.Output.Add(new ValueInfoProto { Name = name, Type = type });
        }
        return model.ToByteArray();
    }

    /// <summary>The dimensions of a column that is more than a vector, whose tensor in our graph is flat; null of any other.</summary>
    private static long[]? Dimensions(PipelineOutput output) => output.Type is VectorDataViewType { Dimensions.Length: > 1 } vector
        ? [.. vector.Dimensions.Select(length => (long)length)]
        : null;

    /// <summary>What no column's name begins with: ML.NET takes the name of a tensor for that of a column until told otherwise.</summary>
    private string Prefix()
    {
        string prefix = "RealNvp.";
        for (int i = 1; _source.Schema.Any(column => column.Name.StartsWith(prefix, StringComparison.Ordinal)); i++)
            prefix = $"RealNvp{i}.";
        return prefix;
    }

    private void AddNode(NodeProto node, string prefix, Dictionary<string, string> names)
    {
        foreach (string output in node.Output)
            names.TryAdd(output, Inner(prefix + output));
        OnnxNode added = _context.CreateNode(node.OpType, node.Input.Select(input => names[input]),
            node.Output.Select(output => names[output]),
            _context.GetNodeName(prefix + node.Name), "");
        foreach (AttributeProto attribute in node.Attribute)
        {
            switch (attribute.Type)
            {
                case GraphNodes.AttributeInt: added.AddAttribute(attribute.Name, attribute.I); break;
                case GraphNodes.AttributeInts: added.AddAttribute(attribute.Name, attribute.Ints); break;
                case GraphNodes.AttributeFloat: added.AddAttribute(attribute.Name, (double)attribute.F); break;
                case GraphNodes.AttributeString: added.AddAttribute(attribute.Name, attribute.S.ToStringUtf8()); break;
                default: throw new NotSupportedException($"An attribute of ONNX's type {attribute.Type}.");
            }
        }
    }

    private string Reshape(string tensor, string output, string prefix, long[] dimensions)
    {
        string shape = Forget(prefix + "shape", name => _context.AddInitializer(dimensions, [dimensions.Length], name));
        _context.CreateNode("Reshape", [tensor, shape], [output], _context.GetNodeName(prefix + "Reshape"), "");
        return output;
    }

    private string AddConstant(TensorProto constant, string name)
    {
        ReadOnlySpan<byte> data = constant.RawData.Span;
        return constant.DataType switch
        {
            GraphNodes.FloatType when constant.Dims.Count == 0 => _context.AddInitializer(MemoryMarshal.Read<float>(data), name),
            GraphNodes.DoubleType when constant.Dims.Count == 0 => _context.AddInitializer(MemoryMarshal.Read<double>(data), name),
            GraphNodes.FloatType => _context.AddInitializer(MemoryMarshal.Cast<byte, float>(data).ToArray(), constant.Dims, name),
            GraphNodes.Int64Type => _context.AddInitializer(MemoryMarshal.Cast<byte, long>(data).ToArray(), constant.Dims, name),
            _ => throw new NotSupportedException($"A constant of ONNX's type {constant.DataType}."),
        };
    }

    /// <summary>A tensor that is no column.</summary>
    private string Inner(string name) => Forget(name, name => _context.AddIntermediateVariable(null, name, true));

    /// <summary>ML.NET takes whatever is added for a column; this one is none.</summary>
    private string Forget(string name, Func<string, string> add)
    {
        string variable = add(name);
        _context.RemoveColumn(name);
        return variable;
    }

    /// <summary>Why a column that is there in the pipeline is not in the graph: ML.NET leaves out what a step cannot say in ONNX.</summary>
    private string WhyMissing(string column)
    {
        string lost = _source.Schema.First(other => !other.IsHidden && !_context.ContainsColumn(other.Name)).Name;
        string step = MakerOf(_source, lost) is { } maker ? $"the step {StepName(maker)}, as it is set up" : "a step before";
        return $"ConvertToOnnx cannot convert the column '{column}', which {_name} reads: ML.NET has no ONNX form of {step}"
            + $"{(lost == column ? "" : $", for the column '{lost}'")}. {LeftOutside(column)}";
    }

    /// <summary>What a step is called: the transformer behind a view, as far as ML.NET tells it.</summary>
    private static string StepName(IDataView view)
    {
        object? mapper = view.GetType().GetField("_mapper", BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(view);
        Type step = mapper?.GetType().DeclaringType ?? mapper?.GetType() ?? view.GetType();
        return step.Name.Split('`')[0];
    }
}
