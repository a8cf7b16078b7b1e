namespace RealNvp.ML.Export;

/// <summary>Which outputs a density graph has.</summary>
internal enum DensityOutputs
{
    /// <summary>LogLikelihood and, except for mixtures, Latent: what pipelines run, which decide in C# from the same calibration.</summary>
    Latent,

    /// <summary>Also Score, PredictedLabel, PValue, Typicality and TypicalityPValue: a graph that is complete in itself.</summary>
    Decision,
}
