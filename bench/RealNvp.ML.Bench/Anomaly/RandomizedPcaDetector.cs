using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>
/// What an ML.NET user has today: RandomizedPca on standardised features. It scores a row by the share of its length that the leading
/// components leave over, so a row far out along one of them looks normal.
/// </summary>
/// <remarks>
/// The rank is half the features and at most ML.NET's default of 20. With all of them nothing is left over: scores are rounding errors,
/// some of them NaN.
/// </remarks>
internal sealed class RandomizedPcaDetector : MlNetDetector
{
    private const int MaxRank = 20;

    /// <inheritdoc/>
    public override string Name => "RandomizedPca";

    /// <inheritdoc/>
    public override string Fingerprint => $"NormalizeMeanVariance, rank D/2 to {MaxRank}, "
        + $"{typeof(RandomizedPcaTrainer).Module.ModuleVersionId}";

    /// <inheritdoc/>
    protected override ITransformer Fit(MLContext ml, IDataView rows, int seed)
    {
        int features = ((VectorDataViewType)rows.Schema["Features"].Type).Size;
        var options = new RandomizedPcaTrainer.Options { FeatureColumnName = "Features", Rank = Math.Clamp(features / 2, 1, MaxRank),
            Seed = seed };
        return ml.Transforms.NormalizeMeanVariance("Features", fixZero: false)
            .Append(ml.AnomalyDetection.Trainers.RandomizedPca(options)).Fit(rows);
    }
}
