using Microsoft.ML.Data;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Series;

namespace Microsoft.ML;

/// <summary>What an MLContext can do with rows that follow one another in time.</summary>
public static class SeriesCatalog
{
    /// <summary>Gives each row the values of the rows before it, within its group.</summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="outputColumnName">
    /// The column that is added: vector of Single, for each lag in turn every input, with slot names such as <c>Temperature-1</c>.
    /// </param>
    /// <param name="inputColumnNames">Columns of Single, or of vectors of Single of known size.</param>
    /// <param name="lags">How many rows before, each once: 1 is the row before.</param>
    /// <param name="groupColumnName">
    /// A column that tells series apart, as of machines: text, a key, a whole number, Boolean or a date; null where all rows are one
    /// series.
    /// </param>
    /// <param name="firstRows">What becomes of the rows of a group that have too few rows before them.</param>
    /// <exception cref="ArgumentException">
    /// A name is empty or repeated, there is no input or no lag, or a lag is not positive, above 65,536 or repeated.
    /// </exception>
    /// <remarks>
    /// Where no group is as long as the largest lag, reading is an <see cref="InvalidOperationException"/> with
    /// <see cref="LagsOfFirstRows.Skip"/>, for it leaves out every row, and a warning in the context's log with
    /// <see cref="LagsOfFirstRows.NaN"/>.
    /// </remarks>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Lags("Before", ["Temperature", "Pressure"], [1, 2, 3], groupColumnName: "Machine")
    ///     .Append(mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Before"))
    ///     .Append(mlContext.AnomalyDetection.Trainers.RealNvp());
    /// </code>
    /// </example>
    public static LagsEstimator Lags(
        this TransformsCatalog catalog, string outputColumnName, string[] inputColumnNames, int[] lags,
        string? groupColumnName = null, LagsOfFirstRows firstRows = LagsOfFirstRows.Skip)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(inputColumnNames);
        ArgumentNullException.ThrowIfNull(lags);
        return new(MlNetInternals.EnvironmentOf(catalog),
            new LagSettings(outputColumnName, [.. inputColumnNames], [.. lags], groupColumnName, firstRows));
    }

    /// <summary>
    /// An engine that scores the rows of one stream in order by a pipeline with lags, and remembers the rows before.
    /// </summary>
    /// <typeparam name="TSource">A row.</typeparam>
    /// <typeparam name="TResult">What is wanted of it: properties named as columns.</typeparam>
    /// <param name="context">The MLContext.</param>
    /// <param name="model">A fitted pipeline, of transformers that go row by row and of lags.</param>
    /// <param name="inputSchemaDefinition">The columns of a row, where its class does not tell, as the sizes of vectors; null for the
    /// class's.</param>
    /// <param name="outputSchemaDefinition">The columns of a result; null for the class's.</param>
    /// <param name="ownsTransformer">Whether disposing the engine disposes the model.</param>
    /// <exception cref="ArgumentException">The model has a part that does not go row by row.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A column that the model reads is missing or of another type.</exception>
    /// <example>
    /// <code>
    /// using SeriesEngine&lt;Reading, ScoredReading&gt; engine = mlContext.CreateSeriesEngine&lt;Reading, ScoredReading&gt;(model);
    /// foreach (Reading reading in sensor)
    /// {
    ///     if (engine.Score(reading) is { PredictedLabel: true } alarm)
    ///         Console.WriteLine($"odd after the last minutes: p = {alarm.PValue:F3}");
    /// }
    /// </code>
    /// </example>
    public static SeriesEngine<TSource, TResult> CreateSeriesEngine<TSource, TResult>(this MLContext context, ITransformer model,
        SchemaDefinition? inputSchemaDefinition = null, SchemaDefinition? outputSchemaDefinition = null, bool ownsTransformer = false)
        where TSource : class
        where TResult : class, new()
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(model);
        return new(context, model, inputSchemaDefinition, outputSchemaDefinition, ownsTransformer);
    }
}
