using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Sampling;

namespace Microsoft.ML;

/// <summary>
/// Flows without views: arrays in and out, and drawn rows as objects of a class. What is computed is what the transformer computes, on the
/// same sessions and cores.
/// </summary>
public static class RealNvpRows
{
    /// <summary>The log-likelihood of each row, in nats and in the units of the features.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="rows">Rows of as many values as the flow has features; images flat, channel by channel. NaN gives NaN.</param>
    /// <param name="conditions">Of a flow with a condition: the condition of each row. Null otherwise.</param>
    /// <exception cref="ArgumentException">
    /// The flow has a condition and none are given, or the other way round, or not one for each row.
    /// </exception>
    /// <exception cref="InvalidOperationException">A row or a condition is null or of another length; its number is named.</exception>
    /// <example>
    /// <code>
    /// float[] logLikelihoods = flow.LogLikelihoods([[70.5f, 2.3f, 4.1f], [95f, 2f, 3f]]);
    /// </code>
    /// </example>
    public static float[] LogLikelihoods(this RealNvpTransformer flow, IReadOnlyList<float[]> rows,
        IReadOnlyList<float[]>? conditions = null)
    {
        ArgumentNullException.ThrowIfNull(flow);
        return Column(flow, flow.Columns.LogLikelihood, rows, conditions);
    }

    /// <summary>The p-value of each row: the share of held-out rows, this one counted, that score as high or higher.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="rows">As in <see cref="LogLikelihoods"/>.</param>
    /// <param name="conditions">As in <see cref="LogLikelihoods"/>.</param>
    /// <exception cref="ArgumentException">As in <see cref="LogLikelihoods"/>.</exception>
    public static float[] PValues(this RealNvpTransformer flow, IReadOnlyList<float[]> rows, IReadOnlyList<float[]>? conditions = null)
    {
        ArgumentNullException.ThrowIfNull(flow);
        return Column(flow, flow.Columns.PValue, rows, conditions);
    }

    /// <summary>Draws rows: those of <see cref="RealNvpTransformer.Sample(long, int, float)"/>, as arrays.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="seed">Which rows: row i depends on the seed and i alone.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <exception cref="InvalidOperationException">The flow needs a condition for each row.</exception>
    /// <example>
    /// <code>
    /// float[][] rows = flow.SampleRows(count: 1000, seed: 1);
    /// </code>
    /// </example>
    public static float[][] SampleRows(this RealNvpTransformer flow, int count, int seed = 0, float temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(flow);
        return [.. flow.Sample(count, seed, temperature).GetColumn<float[]>(flow.FeatureColumnName)];
    }

    /// <summary>
    /// Draws rows as objects of the class that the features came from. Each feature goes to the property or field of its name, or of its
    /// <see cref="ColumnNameAttribute"/>:
    /// <list type="bullet">
    /// <item>a number takes the feature, of one with few different values in training the nearest of these (<see cref="DrawnNumbers"/>); a
    /// whole number the nearest of those, a Boolean whether it is above a half;</item>
    /// <item>text takes the category of the largest of the features <c>Name.category</c>, as one-hot encoding names them, so that every
    /// row has one; the only text takes them too where all features are one category of another name, as that of a text that was encoded
    /// straight into the feature column;</item>
    /// <item>an array of <see cref="float"/> takes the features <c>Name.slot</c>, in order, as numbers.</item>
    /// </list>
    /// Where a number has a <see cref="System.ComponentModel.DataAnnotations.RangeAttribute"/>, values beyond it become its ends.
    /// </summary>
    /// <typeparam name="TRow">
    /// The class, which has a place for every feature; other members keep what the constructor gives them.
    /// </typeparam>
    /// <param name="flow">The flow, whose features have names, as <c>Concatenate</c> gives them.</param>
    /// <param name="count">How many rows; they are drawn while they are read.</param>
    /// <param name="seed">Which rows: row i depends on the seed and i alone.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <exception cref="ArgumentException">A feature has no place in the class, or one of another type; it is named.</exception>
    /// <exception cref="InvalidOperationException">The features have no names, or the flow needs a condition for each row.</exception>
    /// <example>
    /// <code>
    /// foreach (Reading reading in flow.SampleRows&lt;Reading&gt;(count: 5, seed: 1))
    ///     Console.WriteLine(reading.Temperature);
    /// </code>
    /// </example>
    public static IEnumerable<TRow> SampleRows<[DynamicallyAccessedMembers(ClassRows.Members)] TRow>(
        this RealNvpTransformer flow, long count, int seed = 0, float temperature = 1)
        where TRow : class, new()
    {
        ArgumentNullException.ThrowIfNull(flow);
        var rows = new ClassRows(typeof(TRow), flow.Model);
        IDataView drawn = flow.Sample(count, seed, temperature);
        return drawn.GetColumn<float[]>(flow.FeatureColumnName).Select(features =>
        {
            var row = new TRow();
            rows.Fill(row, features);
            return row;
        });
    }

    /// <summary>
    /// Rows with their missing values, NaN, filled by what the flow has learned of them given the others of the row: p(missing | known).
    /// </summary>
    /// <remarks>
    /// Approximate: 64 Markov chains per row take about ten thousand log-likelihoods. Good for a few missing values; with dozens, or with
    /// modes that lie far from each other, chains may not reach every place. Values are not rounded to those that a discrete column has.
    /// </remarks>
    /// <param name="flow">A flow over vectors.</param>
    /// <param name="rows">Rows of as many values as the flow has features; they stay as they are.</param>
    /// <param name="kind">A draw, the default, or the most likely values.</param>
    /// <param name="seed">Which draw: row i depends on the seed and i alone.</param>
    /// <param name="conditions">Of a flow with a condition: the condition of each row. Null otherwise.</param>
    /// <returns>Copies of the rows, in order; those that miss nothing are equal to what was given.</returns>
    /// <exception cref="ArgumentException">
    /// The flow is over images, a row is null, has another length or an infinite value, or conditions do not fit the flow and the rows.
    /// </exception>
    /// <example>
    /// <code>
    /// float[][] whole = flow.ImputeRows([[70.5f, float.NaN, 4.1f]], seed: 1);
    /// </code>
    /// </example>
    public static float[][] ImputeRows(this RealNvpTransformer flow, IReadOnlyList<float[]> rows,
        ImputationKind kind = ImputationKind.Draw, int seed = 0, IReadOnlyList<float[]>? conditions = null)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ArgumentNullException.ThrowIfNull(rows);
        if (flow.Model.InputShape.IsImage)
            throw new ArgumentException("The flow is over images; missing values are filled in rows of tables.", nameof(flow));
        CheckConditions(flow, rows, conditions);
        int size = flow.Model.InputShape.Size, conditionSize = flow.Model.Condition?.Size ?? 0;
        for (int i = 0; i < rows.Count; i++)
        {
            if (rows[i]?.Length != size)
                throw new ArgumentException($"Row {i} has {rows[i]?.Length ?? 0} values, expected {size}.", nameof(rows));
            if (rows[i].Any(float.IsInfinity))
                throw new ArgumentException($"Row {i} has an infinite value. What is missing is NaN.", nameof(rows));
            if (conditions is not null && conditions[i]?.Length != conditionSize)
            {
                throw new ArgumentException(
                    $"Condition {i} has {conditions[i]?.Length ?? 0} values, expected {conditionSize}.", nameof(conditions));
            }
        }
        float[][] filled = [.. rows.Select(row => row.ToArray())];
        new Imputer(flow.Runtime, flow.Model, kind == ImputationKind.MostLikely, seed).Fill(filled, conditions);
        return filled;
    }

    /// <summary>
    /// The mean log-likelihood of rows that training has not seen, with its standard error: how well the flow fits. Scores the centre of
    /// each bin of a discrete feature; <see cref="RealNvpTransformer.BitsPerDimension"/> averages over noise, as papers of images do.
    /// </summary>
    /// <param name="flow">The flow.</param>
    /// <param name="data">A view with the feature column and, of a flow with a condition, the condition column; read once.</param>
    /// <exception cref="ArgumentException">There is no row, or some hold NaN or infinite values; their number is named.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <example>
    /// <code>
    /// LogLikelihoodEstimate fit = flow.Evaluate(heldOutRows);
    /// Console.WriteLine($"{fit.Mean:F2} +- {fit.StandardError:F2} nats a row");
    /// </code>
    /// </example>
    public static LogLikelihoodEstimate Evaluate(this RealNvpTransformer flow, IDataView data)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ArgumentNullException.ThrowIfNull(data);
        return LogLikelihoodEstimate.Of(flow.Transform(data), flow.Columns.LogLikelihood, flow.FeatureColumnName);
    }

    private static float[] Column(RealNvpTransformer flow, string column, IReadOnlyList<float[]> rows, IReadOnlyList<float[]>? conditions)
    {
        ArgumentNullException.ThrowIfNull(rows);
        CheckConditions(flow, rows, conditions);
        FlowCondition? condition = flow.Model.Condition;
        var schema = SchemaDefinition.Create(typeof(GivenRow), SchemaDefinition.Direction.Read);
        // found before names change, by which they are found
        SchemaDefinition.Column features = schema[nameof(GivenRow.Features)], given = schema[nameof(GivenRow.Condition)];
        features.ColumnName = flow.FeatureColumnName;
        features.ColumnType = new VectorDataViewType(NumberDataViewType.Single, flow.Model.InputShape.Dimensions);
        if (condition is null)
        {
            schema.Remove(given);
        }
        else
        {
            given.ColumnName = flow.ConditionColumnName;
            given.ColumnType = new VectorDataViewType(NumberDataViewType.Single, condition.Size);
        }
        IDataView view = new MLContext().Data.LoadFromEnumerable(
            rows.Select((row, i) => new GivenRow { Features = row, Condition = conditions?[i] }), schema);
        return [.. flow.Transform(view).GetColumn<float>(column)];
    }

    private static void CheckConditions(RealNvpTransformer flow, IReadOnlyList<float[]> rows, IReadOnlyList<float[]>? conditions)
    {
        FlowCondition? condition = flow.Model.Condition;
        if (condition is null != conditions is null)
        {
            throw new ArgumentException(condition is null
                ? "The flow has no condition, and conditions are given."
                : $"The flow is given a condition of {condition.Size} values: give one for each row.", nameof(conditions));
        }
        if (conditions is not null && conditions.Count != rows.Count)
            throw new ArgumentException($"There are {rows.Count} rows and {conditions.Count} conditions.", nameof(conditions));
    }

    private sealed class GivenRow
    {
        public float[]? Features { get; set; }

        public float[]? Condition { get; set; }
    }
}
