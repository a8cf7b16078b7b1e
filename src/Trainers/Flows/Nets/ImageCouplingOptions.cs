namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// The net inside a coupling of an image flow, and where it departs from the original code: see <see cref="ImageFlowOptions"/>.
/// </summary>
internal sealed record ImageCouplingOptions
{
    /// <summary>The number of maps between the convolutions.</summary>
    public int Width { get; init; } = 32;

    /// <summary>The number of residual blocks.</summary>
    public int Blocks { get; init; } = 4;

    /// <summary>The share of whole maps that each block drops in training.</summary>
    public double Dropout { get; init; }

    /// <summary>What each block reads of the flow's condition; 0 for none.</summary>
    public int ConditionInputs { get; init; }

    /// <summary>Whether the net's convolutions compute in bfloat16 in training.</summary>
    public bool BFloat16 { get; init; }

    public bool IdentityStart { get; init; } = true;

    public bool GainPerChannel { get; init; } = true;

    public bool ShiftFirst { get; init; }

    public bool MaskedZerosInStatistics { get; init; }

    public bool UniformStart { get; init; }

    public bool SparesChannelGains { get; init; }

    /// <summary>
    /// Where a learned gain of weights k x k starts: the original has what the norm of an output's weights, uniform within +-sqrt(2 /
    /// inputs), would be but for a factor: sqrt(2 / inputs) sqrt(inputs k k / 12).
    /// </summary>
    public double GainOf(int kernel) => UniformStart ? kernel / Math.Sqrt(6) : 1;
}
