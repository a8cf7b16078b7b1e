using RealNvp.ML.Export.Nets;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>The size and behaviour of the net inside a coupling.</summary>
internal sealed record ConditionerOptions(int HiddenLayers, int HiddenUnits, Activation Activation, double Dropout, double LogScaleGain)
{
    /// <summary>Whether the layers' weights are normalised.</summary>
    public bool WeightNorm { get; init; }

    /// <summary>
    /// Whether the layers compute in bfloat16 in training; parameters, tanh, exp and sums stay in float32, and evaluation is float32
    /// throughout.
    /// </summary>
    public bool BFloat16 { get; init; }
}
