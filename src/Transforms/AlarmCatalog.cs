using Microsoft.ML.Data;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Alarms;
using RealNvp.ML.Transforms.MlNet;

namespace Microsoft.ML;

/// <summary>What <c>mlContext.AnomalyDetection</c> can do with p-values.</summary>
public static class AlarmCatalog
{
    /// <summary>
    /// Flags rows of a batch so that of those flagged no more than a share is expected to be like the calibration rows, however many rows
    /// there are: Benjamini and Hochberg's procedure over their p-values. A threshold flags a share of the normal rows instead, which may
    /// be most of what it flags where anomalies are rare.
    /// </summary>
    /// <remarks>
    /// Reads the p-values of the whole batch at once, one number for each different value, and adds the labels lazily. A flow that was
    /// calibrated on n rows has no p-value below 1 / (n + 1): in a batch of m rows, k of them clear anomalies, something is flagged where k
    /// / m is at least 1 / ((n + 1) rate).
    /// </remarks>
    /// <param name="catalog">mlContext.AnomalyDetection.</param>
    /// <param name="scored">The batch, with a column of p-values.</param>
    /// <param name="rate">The expected share of false discoveries among those flagged, above 0 and below 1.</param>
    /// <param name="pValueColumnName">The p-values.</param>
    /// <param name="outputColumnName">The label, Boolean; hides a column of the name that is there.</param>
    /// <exception cref="ArgumentException">The column is missing or is no Single.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The rate is out of its range.</exception>
    /// <example>
    /// <code>
    /// IDataView flagged = mlContext.AnomalyDetection.ControlFalseDiscoveries(model.Transform(todaysRows), rate: 0.1);
    /// </code>
    /// </example>
    public static IDataView ControlFalseDiscoveries(this AnomalyDetectionCatalog catalog, IDataView scored, double rate = 0.1,
        string pValueColumnName = "PValue", string outputColumnName = "PredictedLabel")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(scored);
        ArgumentException.ThrowIfNullOrEmpty(outputColumnName);
        if (!(rate is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "The rate of false discoveries is above 0 and below 1.");
        float? cut = FalseDiscoveries.Cut(FalseDiscoveries.PValues(scored, pValueColumnName), rate);
        SchemaDefinition input = SchemaDefinition.Create(typeof(Judged)), output = SchemaDefinition.Create(typeof(Verdict));
        input[nameof(Judged.PValue)].ColumnName = pValueColumnName;
        output[nameof(Verdict.Flagged)].ColumnName = outputColumnName;
        // not ML.NET's expressions, which read numbers in the culture of the moment
        return MlNetInternals.TransformsOf(catalog)
            .CustomMapping<Judged, Verdict>((row, verdict) => verdict.Flagged = row.PValue <= cut, null, input, output)
            .Fit(scored).Transform(scored);
    }

    /// <summary>
    /// A threshold and p-values of its own for each group of rows, as for each machine: the common ones hold over all groups together, and
    /// flag the loudest alone. Groups with too few rows take the common threshold, as do those that were never seen.
    /// </summary>
    /// <remarks>
    /// Fit it on scored rows that the scorer was not trained on, and let it follow the scorer: where it is fitted in one pipeline with
    /// it, the rows are those of the training, whose scores are too low. A contamination c needs 1 / c - 1 rows in a group; of more than
    /// 1,000 a random thousand is kept.
    /// </remarks>
    /// <param name="catalog">mlContext.AnomalyDetection.</param>
    /// <param name="groupColumnName">The groups: text, a key, a whole number, Boolean or a date.</param>
    /// <param name="contamination">The share of a group's usual rows that is flagged, from 0 to below 1.</param>
    /// <param name="scoreColumnName">The scores, higher for more anomalous.</param>
    /// <param name="predictedLabelColumnName">The label, Boolean; hides a column of the name that is there.</param>
    /// <param name="pValueColumnName">The p-value, Single; the same.</param>
    /// <exception cref="ArgumentException">A name is empty, or the share out of its range.</exception>
    /// <example>
    /// <code>
    /// var byMachine = mlContext.AnomalyDetection.CalibrateByGroup("Machine", contamination: 0.01).Fit(model.Transform(heldOutRows));
    /// IDataView flagged = byMachine.Transform(model.Transform(newRows));
    /// </code>
    /// </example>
    public static GroupThresholdsEstimator CalibrateByGroup(this AnomalyDetectionCatalog catalog, string groupColumnName,
        double contamination = 0.05, string scoreColumnName = "Score", string predictedLabelColumnName = "PredictedLabel",
        string pValueColumnName = "PValue")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrWhiteSpace(groupColumnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(scoreColumnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(predictedLabelColumnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(pValueColumnName);
        if (!(contamination is >= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(contamination), contamination,
                "The contamination is a share of rows, from 0 to below 1.");
        }
        return new(MlNetInternals.EnvironmentOf(catalog),
            new(groupColumnName, scoreColumnName, predictedLabelColumnName, pValueColumnName), contamination);
    }

    private sealed class Judged
    {
        public float PValue { get; set; }
    }

    private sealed class Verdict
    {
        public bool Flagged { get; set; }
    }
}
