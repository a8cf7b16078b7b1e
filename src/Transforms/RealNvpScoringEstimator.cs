using Microsoft.ML;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;
using RealNvp.ML.Transforms.Scoring;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Puts a flow that is already trained into a pipeline; made by <see cref="RealNvpCatalog"/>. Nothing is learned: fitting checks the input
/// column and gives a <see cref="RealNvpTransformer"/>.
/// </summary>
public sealed class RealNvpScoringEstimator : IEstimator<RealNvpTransformer>
{
    private readonly IHostEnvironment _environment;
    private readonly FlowModel _model;
    private readonly RealNvpColumns _columns;
    private readonly int? _batchSize;

    /// <summary>An estimator of a trained flow.</summary>
    internal RealNvpScoringEstimator(IHostEnvironment environment, FlowModel model, RealNvpColumns? columns, int? batchSize)
    {
        ArgumentNullException.ThrowIfNull(model);
        FlowRuntime.CheckBatchSize(batchSize);
        _environment = environment;
        _model = model;
        _columns = (columns ?? RealNvpColumns.Default).CheckedFor(model);
        _batchSize = batchSize;
    }

    /// <summary>The transformer, which the caller disposes; no row is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The feature or the condition column is missing or of another type.</exception>
    public RealNvpTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var transformer = new RealNvpTransformer(_environment, _model, _columns, _batchSize);
        transformer.GetOutputSchema(input.Schema);
        return transformer;
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
        => OutputShape(inputSchema, _columns, hasLatent: !_model.IsMixture, hasNames: !_model.Metadata.FeatureNames.IsEmpty);

    /// <summary>
    /// The schema shape after any estimator of flows: the input with the columns of <see cref="RealNvpTransformer"/> added, annotations
    /// included.
    /// </summary>
    /// <param name="input">The shape of the input.</param>
    /// <param name="columns">The columns' names.</param>
    /// <param name="hasLatent">Whether the flow will have a latent.</param>
    /// <param name="hasNames">Whether the flow will have feature names; null tells it from the input's slot names.</param>
    internal static SchemaShape OutputShape(SchemaShape input, RealNvpColumns columns, bool hasLatent, bool? hasNames = null)
    {
        SchemaShape.Column features = FeatureColumn.Require(input, columns.Features);
        if (columns.Condition is { } condition)
            FeatureColumn.Require(input, condition);
        bool named = hasNames ?? features.Annotations.Any(annotation => annotation.Name == SlotNames.Kind);
        // shapes hold no sizes
        return MlNetInternals.ShapeWith(
            input, [.. DensityColumn.Of(columns, hasLatent)
                .Select(column => column.Detach(FlowShape.Vector(1), setId: 1, named ? ["name"] : []))]);
    }
}
