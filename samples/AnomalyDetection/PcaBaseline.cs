using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Samples;

/// <summary>
/// ML.NET's own anomaly detector, in its best light: the best of ten settings by the area under the ROC curve, a choice that is made with
/// the labels of the rows to detect and that no user could make. (Centred features, the default, do far worse: its score is the part of a
/// row that the components miss, as a share of the row's length, and that share is small for malignant rows, which lie far out along the
/// main components.)
/// </summary>
internal static class PcaBaseline
{
    /// <summary>Fits and evaluates all settings on the same rows as the flow.</summary>
    public static AnomalyDetectionMetrics Best(MLContext mlContext, IDataView fit, IDataView normal, IDataView anomalous)
    {
        IEstimator<ITransformer>[] scalings = [mlContext.Transforms.NormalizeMeanVariance("Features"),
            mlContext.Transforms.NormalizeMinMax("Features")];
        var tried =
            from scaling in scalings
            from rank in new[] { 2, 5, 10, 15, 20 }
            let pipeline = mlContext.Transforms.Concatenate("Features", BreastCancer.Features)
                .Append(scaling)
                .Append(mlContext.AnomalyDetection.Trainers.RandomizedPca(rank: rank, ensureZeroMean: false, seed: 1))
            let scored = ScoredRow.Test(mlContext, pipeline.Fit(fit), normal, anomalous)
            where scored.All(row => float.IsFinite(row.Score)) // Evaluate would leave out the others
            select mlContext.AnomalyDetection.Evaluate(mlContext.Data.LoadFromEnumerable(scored));
        return tried.MaxBy(metrics => metrics.AreaUnderRocCurve)!;
    }
}
