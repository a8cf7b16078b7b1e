using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>A row of five features and its number.</summary>
internal sealed class FeatureRow
{
    /// <summary>As many features as <see cref="Flows.Random"/> has by default.</summary>
    public const int Size = 5;

    public int Id { get; set; }

    [VectorType(Size)]
    public float[] Features { get; set; } = [];

    /// <summary>Numbered rows around the mean of a flow.</summary>
    public static FeatureRow[] Many(FlowModel model, int count, int seed = 9)
        => [.. Flows.Rows(model, count, seed).Select((row, i) => new FeatureRow { Id = i, Features = row })];
}

/// <summary>A row with everything that a flow adds.</summary>
internal sealed class ScoredRow
{
    public int Id { get; set; }

    public float[] Features { get; set; } = [];

    public float Score { get; set; }

    public bool PredictedLabel { get; set; }

    public float LogLikelihood { get; set; }

    public float PValue { get; set; }

    public float[] Latent { get; set; } = [];

    /// <summary>All rows of a scored view.</summary>
    public static ScoredRow[] All(MLContext ml, IDataView view) => [.. ml.Data.CreateEnumerable<ScoredRow>(view, reuseRowObject: false)];

    /// <summary>Requires what the double-precision loops give for the features, within the tolerance.</summary>
    public void AssertFits(FlowModel model)
    {
        (double logLikelihood, double[] latent) = Flows.Evaluate(model, Features);
        double tolerance = Tolerance.Of(logLikelihood, Features.Length);
        Assert.Equal(logLikelihood, LogLikelihood, tolerance);
        Assert.Equal(-logLikelihood, Score, tolerance);
        for (int i = 0; i < latent.Length; i++)
            Assert.Equal(latent[i], Latent[i], Tolerance.Of(latent[i]));
        Assert.Equal(model.Calibration.PValue(Score), PValue);
    }
}
