using Microsoft.ML;

namespace RealNvp.ML.Samples;

/// <summary>A row with what a detector says of it, and the truth. The names are those of ML.NET's columns.</summary>
internal sealed class ScoredRow
{
    /// <summary>1 for an anomaly, 0 for a normal row; a float, as <c>AnomalyDetection.Evaluate</c> wants it.</summary>
    public float Label { get; set; }

    public float Score { get; set; }

    public bool PredictedLabel { get; set; }

    /// <summary>Scores normal and anomalous rows.</summary>
    public static ScoredRow[] Test(MLContext mlContext, ITransformer detector, IDataView normal, IDataView anomalous)
    {
        IEnumerable<ScoredRow> scored(IDataView rows, float label)
        {
            // the rows have no Label: it follows from which ones they are
            foreach (ScoredRow row in mlContext.Data.CreateEnumerable<ScoredRow>(detector.Transform(rows), reuseRowObject: false,
                ignoreMissingColumns: true))
            {
                row.Label = label;
                yield return row;
            }
        }
        return [.. scored(normal, 0), .. scored(anomalous, 1)];
    }

    /// <summary>The share of the rows with some label that are flagged.</summary>
    public static double Flagged(ScoredRow[] rows, float label)
        => rows.Where(row => row.Label == label).Average(row => row.PredictedLabel ? 1.0 : 0);
}
