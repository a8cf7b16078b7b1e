namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>The size and behaviour of the net inside a coupling of continuous maps.</summary>
/// <param name="HiddenLayers">Layers before the last, 1 or more.</param>
/// <param name="HiddenUnits">Their maps.</param>
/// <param name="Kernel">The side of the convolutions but the last, 1 or 3.</param>
/// <param name="Planes">Planes of the position that it reads; 0 for none.</param>
/// <param name="Dropout">The share of hidden values that training drops.</param>
/// <param name="LogScaleGain">Where the bound of the log-scale starts.</param>
internal sealed record PositionedNetOptions(int HiddenLayers, int HiddenUnits, int Kernel, int Planes, double Dropout, double LogScaleGain)
{
    /// <summary>Whether the layers compute in bfloat16 in training.</summary>
    public bool BFloat16 { get; init; }
}
