using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Sampling;
using RealNvp.ML.Transforms.Series;

namespace Microsoft.ML;

/// <summary>What an MLContext can do with a trained Real NVP flow.</summary>
public static class RealNvpCatalog
{
    /// <summary>
    /// Scores rows with a trained flow: adds Score, PredictedLabel, LogLikelihood, PValue and Latent (see
    /// <see cref="RealNvpTransformer"/>).
    /// </summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="model">The flow, for example from <see cref="FlowModel.Load(string)"/>.</param>
    /// <param name="featureColumnName">The input: known-size vector of <see cref="float"/>.</param>
    /// <param name="conditionColumnName">
    /// The condition of a flow that has one, known-size vector of <see cref="float"/>; null for "Condition".
    /// </param>
    /// <param name="columns">The names of the added columns, for several flows in one pipeline; null for ML.NET's.</param>
    /// <param name="batchSize">
    /// Rows per batch, null chooses: a source whose rows come slowly may want fewer, for a batch is read ahead. Below 256 no more than this
    /// one batch is.
    /// </param>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
    ///     .Append(mlContext.Transforms.ApplyRealNvp(FlowModel.Load("flow.rnvp")));
    /// </code>
    /// </example>
    public static RealNvpScoringEstimator ApplyRealNvp(this TransformsCatalog catalog, FlowModel model,
        string featureColumnName = "Features", string? conditionColumnName = null, RealNvpColumns? columns = null, int? batchSize = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(featureColumnName);
        columns = (columns ?? RealNvpColumns.Default) with { Features = featureColumnName, Condition = conditionColumnName };
        return new(MlNetInternals.EnvironmentOf(catalog), model, columns, batchSize);
    }

    /// <summary>As the other overload, from a flow file.</summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="modelPath">A file written by <see cref="FlowModel.Save(string)"/>.</param>
    /// <param name="featureColumnName">The input: known-size vector of <see cref="float"/>.</param>
    /// <param name="conditionColumnName">The condition of a flow that has one; null for "Condition".</param>
    /// <param name="columns">The names of the added columns; null for ML.NET's.</param>
    /// <param name="batchSize">Rows per batch; null chooses.</param>
    /// <exception cref="FlowModelException">The file is not a flow, or is damaged.</exception>
    public static RealNvpScoringEstimator ApplyRealNvp(this TransformsCatalog catalog, string modelPath,
        string featureColumnName = "Features", string? conditionColumnName = null, RealNvpColumns? columns = null, int? batchSize = null)
        => ApplyRealNvp(catalog, FlowModel.Load(modelPath), featureColumnName, conditionColumnName, columns, batchSize);

    /// <summary>
    /// The flow inside a model, for example one that <c>mlContext.Model.Load</c> gave: to sample, to export, or to set another threshold.
    /// </summary>
    /// <param name="model">A flow's transformer, a regression's, or a chain with exactly one in it, however deep.</param>
    /// <returns>
    /// The flow as a transformer of its own that runs on the model's sessions and does not own them: it is good until the model is
    /// disposed, and disposing it leaves the model as it is. What <see cref="RealNvpTransformer.WithThreshold"/> and its like make of it
    /// lives longer than the model where need
    /// be.
    /// </returns>
    /// <exception cref="ArgumentException">There is no flow in the model, or more than one.</exception>
    public static RealNvpTransformer FindRealNvp(this ITransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ITransformer[] found = [.. RowChain.PartsOf(model).Where(one => one is RealNvpTransformer or RealNvpRegressionTransformer)];
        return found.Length == 1
            ? (found[0] as RealNvpTransformer)?.Borrowed() ?? ((RealNvpRegressionTransformer)found[0]).Flow
            : throw new ArgumentException($"The model holds {found.Length} flows, expected one.", nameof(model));
    }

    /// <summary>
    /// The columns that a model reads, as the flow in it sees them: those by which a drawn row becomes numbers and texts again, and
    /// contributions those of columns.
    /// </summary>
    /// <param name="model">A model with exactly one flow in it, as of <see cref="FindRealNvp"/>.</param>
    /// <param name="inputSchema">The columns that it reads, as <c>mlContext.Model.Load</c> gives them.</param>
    /// <returns>
    /// The groups of the features, in their order: a text that became one category is one group of the text's name, whatever the encoding
    /// is called. Empty where features have no names.
    /// </returns>
    /// <exception cref="ArgumentException">There is no flow in the model, or more than one.</exception>
    /// <example>
    /// <code>
    /// ITransformer model = mlContext.Model.Load("model.zip", out DataViewSchema inputSchema);
    /// IReadOnlyList&lt;FeatureGroup&gt; groups = model.FindFeatureGroups(inputSchema);
    /// float[] row = model.FindRealNvp().SampleRows(count: 1, seed: 1)[0];
    /// Console.WriteLine(string.Join(", ", groups.Select(group => $"{group.Name} = {group.CategoryOf(row) ?? $"{row[group.First]}"}")));
    /// </code>
    /// </example>
    public static IReadOnlyList<FeatureGroup> FindFeatureGroups(this ITransformer model, DataViewSchema inputSchema)
    {
        RealNvpTransformer flow = model.FindRealNvp();
        return ColumnsBefore(model, inputSchema).GroupsOf(flow.Model.Metadata.FeatureNames, flow.FeatureColumnName);
    }

    /// <summary>As <see cref="FindFeatureGroups"/>, of the condition; empty where there is none.</summary>
    /// <param name="model">A model with exactly one flow in it.</param>
    /// <param name="inputSchema">The columns that it reads.</param>
    /// <exception cref="ArgumentException">There is no flow in the model, or more than one.</exception>
    public static IReadOnlyList<FeatureGroup> FindConditionGroups(this ITransformer model, DataViewSchema inputSchema)
    {
        RealNvpTransformer flow = model.FindRealNvp();
        return flow.Model.Condition is { } condition
            ? ColumnsBefore(model, inputSchema).GroupsOf(condition.Names, flow.ConditionColumnName!) : [];
    }

    private static PipelineColumns ColumnsBefore(ITransformer model, DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new([.. RowChain.PartsOf(model).TakeWhile(step => step is not (RealNvpTransformer or RealNvpRegressionTransformer))],
            inputSchema);
    }

    /// <summary>
    /// Draws rows from a trained flow, as <see cref="RealNvpTransformer.Sample(long, int, float)"/>: lazily, in constant memory, the same
    /// ones in every enumeration.
    /// </summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="model">The flow.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="seed">Which rows.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <param name="outputColumnName">The name of the one column.</param>
    /// <remarks>The view holds its session until it is collected; where that matters, sample from a transformer and dispose that.</remarks>
    public static IDataView SampleRealNvp(
        this DataOperationsCatalog catalog, FlowModel model, long count, int seed = 0, float temperature = 1,
        string outputColumnName = "Features")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        var columns = new RealNvpColumns { Features = outputColumnName };
        return new RealNvpTransformer(MlNetInternals.EnvironmentOf(catalog), model, columns).Sample(count, seed, temperature);
    }
}
