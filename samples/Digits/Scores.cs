using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Baselines;

namespace RealNvp.ML.Samples;

/// <summary>What the flow says of some images.</summary>
/// <param name="Score">Negative log-likelihoods: high where images are unlikely.</param>
/// <param name="Typicality">
/// Distances of the scores from the mean held-out score, on either side: high also where images are likelier than real ones are.
/// </param>
internal sealed record Scores(float[] Score, float[] Typicality)
{
    /// <summary>Scores images.</summary>
    public static Scores Of(MLContext mlContext, ITransformer flow, Digit[] images)
    {
        IDataView scored = flow.Transform(Digits.View(mlContext, images));
        return new([.. scored.GetColumn<float>(nameof(Score))], [.. scored.GetColumn<float>(nameof(Typicality))]);
    }

    /// <summary>
    /// The areas under the ROC curves of these images against ordinary ones: the chance that one of these ranks above one of those.
    /// </summary>
    public (double Score, double Typicality) Auroc(Scores ordinary)
    {
        return (rank(ordinary.Score, Score), rank(ordinary.Typicality, Typicality));

        static double rank(float[] ordinary, float[] odd)
            => RankMetrics.Auroc([.. ordinary, .. odd], [.. ordinary.Select(_ => false), .. odd.Select(_ => true)]);
    }
}
