using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>
/// What an ML.NET user has today: RandomizedPca on normalised features. It scores a row by the share of its length that the leading
/// components leave over, so a row far out along one of them looks normal.
/// </summary>
/// <remarks>
/// Its settings were chosen once, for both data folders, among five normalisations, means taken off or not, and five ranks, by the mean
/// AUROC over the first half of their sets (the 1st, 3rd, ...): NormalizeMinMax as it is, no mean taken off, half the features and at most
/// ML.NET's default of 20 as the rank: 65.9 on 25 tables of oddbench and 80.8 on 9 of ADBench, where standardised features with the mean
/// taken off had 51.7 and 54.0. Of all features nothing is left over: scores are then rounding errors, some of them NaN.
/// </remarks>
internal sealed class RandomizedPcaDetector : MlNetDetector
{
    private const int MaxRank = 20;

    /// <inheritdoc/>
    public override string Name => "RandomizedPca";

    /// <inheritdoc/>
    public override string Fingerprint => $"NormalizeMinMax, no mean, rank D/2 to {MaxRank}, "
        + $"{typeof(RandomizedPcaTrainer).Module.ModuleVersionId}";

    /// <inheritdoc/>
    protected override ITransformer Fit(MLContext ml, IDataView rows, int seed)
    {
        int features = ((VectorDataViewType)rows.Schema["Features"].Type).Size;
        var options = new RandomizedPcaTrainer.Options
        {
            FeatureColumnName = "Features",
            Rank = Math.Clamp(features / 2, 1, MaxRank),
            EnsureZeroMean = false,
            Seed = seed,
        };
        return ml.Transforms.NormalizeMinMax("Features")
            .Append(ml.AnomalyDetection.Trainers.RandomizedPca(options)).Fit(rows);
    }
}
