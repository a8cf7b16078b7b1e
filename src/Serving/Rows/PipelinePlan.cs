using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Serving.Rows;

/// <summary>
/// How rows go through a model: by ML.NET's steps one by one up to the flow, through the flow as one batch, and one by one through what
/// stands behind it. Immutable; each batch runs in a <see cref="PipelineEngine"/>.
/// </summary>
internal sealed class PipelinePlan
{
    private PipelinePlan(IRowToRowMapper? before, RowMap map, IRowToRowMapper? behind, DataViewSchema inputs, DataViewSchema flowInputs,
        DataViewSchema flowOutputs)
    {
        (Before, Map, Behind, Schema, FlowInputs, FlowOutputs) = (before, map, behind, inputs, flowInputs, flowOutputs);
        FinalSchema = behind?.OutputSchema ?? flowOutputs;
    }

    /// <summary>The steps before the flow; null where there are none.</summary>
    public IRowToRowMapper? Before { get; }

    /// <summary>The flow.</summary>
    public RowMap Map { get; }

    /// <summary>The steps behind the flow; null where there are none.</summary>
    public IRowToRowMapper? Behind { get; }

    /// <summary>The columns that the model was fitted to.</summary>
    public DataViewSchema Schema { get; }

    /// <summary>The columns that the flow gets.</summary>
    public DataViewSchema FlowInputs { get; }

    /// <summary>The columns behind the flow.</summary>
    public DataViewSchema FlowOutputs { get; }

    /// <summary>The columns behind the last step.</summary>
    public DataViewSchema FinalSchema { get; }

    /// <summary>The columns that callers bring, in the order of <see cref="Inputs"/>.</summary>
    public IReadOnlyList<DataViewSchema.Column> Read { get; private init; } = [];

    /// <summary>The same for callers.</summary>
    public IReadOnlyList<ModelColumn> Inputs { get; private init; } = [];

    /// <summary>The columns that callers may want, in the order of <see cref="Outputs"/>.</summary>
    public IReadOnlyList<DataViewSchema.Column> Given { get; private init; } = [];

    /// <summary>The same for callers.</summary>
    public IReadOnlyList<ModelColumn> Outputs { get; private init; } = [];

    /// <summary>The plan of a model.</summary>
    /// <param name="steps">All its steps, one of which is the flow or the regression.</param>
    /// <param name="schema">The columns that it was fitted to.</param>
    /// <exception cref="InvalidOperationException">Its rows cannot be scored one by one, or it reads what callers cannot bring.</exception>
    public static PipelinePlan Of(IReadOnlyList<ITransformer> steps, DataViewSchema schema)
    {
        int place = steps.Index().First(step => step.Item is RealNvpTransformer or RealNvpRegressionTransformer).Index;
        ITransformer flow = steps[place];
        RowMap map = (flow as RealNvpTransformer)?.Map ?? ((RealNvpRegressionTransformer)flow).Map;
        IRowToRowMapper? before = MapperOf(steps.Take(place), schema);
        DataViewSchema flowInputs = before?.OutputSchema ?? schema, flowOutputs = map.OutputSchema(flowInputs);
        IRowToRowMapper? behind = MapperOf(steps.Skip(place + 1), flowOutputs);
        var plan = new PipelinePlan(before, map, behind, schema, flowInputs, flowOutputs);

        DataViewSchema.Column[] given = [.. map.AddedColumns(flowInputs).Select(column => plan.FinalSchema.GetColumnOrNull(column.Name))
            .OfType<DataViewSchema.Column>().Where(column => ModelColumn.Of(column) is not null)];
        string? optional = (flow as RealNvpRegressionTransformer)?.LabelColumnName; // rows to predict have none
        DataViewSchema.Column[] read = [.. plan.Dependencies(given).OrderBy(column => column.Index)];
        foreach (DataViewSchema.Column column in read)
        {
            if (ModelColumn.Of(column) is null)
            {
                throw new InvalidOperationException($"The model reads the column '{column.Name}', which is {column.Type}: callers can "
                    + "bring numbers, texts and Booleans, and vectors of them of known size.");
            }
        }
        return new(before, map, behind, schema, flowInputs, flowOutputs)
        {
            Read = read,
            Given = given,
            Inputs = [.. read.Select(column => ModelColumn.Of(column)! with { IsOptional = column.Name == optional })],
            Outputs = [.. given.Select(column => ModelColumn.Of(column)!)],
        };
    }

    /// <summary>Whether a result is the flow's own, and not of a step behind it that has taken its name.</summary>
    public bool IsOfTheFlow(string name) => FinalSchema.GetColumnOrNull(name) is { } column && (Behind is null
        || Behind.GetDependencies([column]).All(needed => needed.Name == name && needed.Index >= FlowInputs.Count));

    /// <summary>What the flow must be asked for so that columns can be read behind the last step.</summary>
    public ActiveColumns Ask(IEnumerable<DataViewSchema.Column> given) => new(FlowInputs, FlowOutputs, Map.FindInputs(FlowInputs),
        Behind is null ? given : Behind.GetDependencies(given));

    private IEnumerable<DataViewSchema.Column> Dependencies(IEnumerable<DataViewSchema.Column> given)
    {
        IEnumerable<DataViewSchema.Column> upstream = Ask(given).Upstream;
        return Before is null ? upstream : Before.GetDependencies(upstream);
    }

    private static IRowToRowMapper? MapperOf(IEnumerable<ITransformer> steps, DataViewSchema schema)
    {
        ITransformer[] all = [.. steps];
        foreach (ITransformer step in all)
        {
            if (!step.IsRowToRowMapper)
                throw StandaloneRows.Refusal(step, "a service gets rows that stand alone");
        }
        return all.Length == 0 ? null : ((ITransformer)new TransformerChain<ITransformer>(all)).GetRowToRowMapper(schema);
    }
}
