namespace RealNvp.ML.Export;

/// <summary>Which outputs a density graph has.</summary>
[Flags]
internal enum DensityOutputs
{
    /// <summary>LogLikelihood and, except for mixtures, Latent: what pipelines run, which decide in C# from the same calibration.</summary>
    Latent = 0,

    /// <summary>Also Score, PredictedLabel, PValue, Typicality and TypicalityPValue: a graph that is complete in itself.</summary>
    Decision = 1,

    /// <summary>Also BitsPerDimension; only for a model that is discrete.</summary>
    BitsPerDimension = 2,

    /// <summary>Also Contributions; only for a model with medians.</summary>
    Contributions = 4,

    /// <summary>
    /// Also ScoreMap and its MapMaximum, and with the decision MapMaximumPValue and MapMaximumLabel; only for a model over images.
    /// </summary>
    ScoreMap = 8,
}
