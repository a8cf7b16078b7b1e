using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms.Missing;

/// <summary>Codes of missing values in a graph of the whole pipeline: comparisons and a choice, which round nothing.</summary>
internal sealed class MissingCodesPart : IPipelinePart
{
    private readonly MissingCodes _codes;
    private readonly DataViewSchema.Column[] _columns;

    public MissingCodesPart(MissingCodes codes, DataViewSchema schema)
    {
        (_codes, _columns) = (codes, codes.Find(schema));
        Inputs = [.. _columns.Select((column, i) => new PipelineInput(column.Name, $"Given{i}",
            (column.Type as VectorDataViewType)?.Size ?? 1))];
    }

    /// <inheritdoc/>
    public string Name => nameof(MissingCodesTransformer);

    /// <inheritdoc/>
    public string? Refusal => null;

    /// <inheritdoc/>
    public ImmutableArray<PipelineInput> Inputs { get; }

    /// <inheritdoc/>
    public void AddTo(PipelineGraph graph, IDataView view, IDataView source) => graph.Add(Build(), Inputs,
        [.. _columns.Select((column, i) => new PipelineOutput(column.Name, $"Marked{i}", column.Type))]);

    private byte[] Build()
    {
        var nodes = new GraphNodes(Name, GraphNodes.PipelineOpset);
        foreach ((int i, PipelineInput input) in Inputs.Index())
        {
            nodes.Input(input.Tensor, "N", input.Width);
            string marked = _codes.Codes.Aggregate(input.Tensor, (numbers, code) => nodes.Node("Where",
                nodes.Node("Equal", numbers, nodes.Scalar(code)), nodes.Scalar(float.NaN), numbers));
            nodes.Name($"Marked{i}", marked);
            nodes.Output($"Marked{i}", isBool: false, "N", input.Width);
        }
        return nodes.ToModel("Numbers that stand for missing ones become NaN.", []);
    }
}
