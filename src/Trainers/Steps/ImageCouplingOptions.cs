namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// The net inside a coupling of an image flow, and where it departs from the original code. The defaults are the better choices; <see cref="Original"/>
/// has the original ones.
/// </summary>
internal sealed record ImageCouplingOptions
{
    /// <summary>The number of maps between the convolutions.</summary>
    public int Width { get; init; } = 32;

    /// <summary>The number of residual blocks.</summary>
    public int Blocks { get; init; } = 4;

    /// <summary>
    /// Whether a fresh coupling is the identity: the net's output starts at zero, the log-scale's gain at 1, so that training begins at the data's own scale
    /// and its first gradient reaches every coupling. Otherwise the net starts at random, and the gain at 0 for checkerboards and 1 for channels.
    /// </summary>
    public bool IdentityStart { get; init; } = true;

    /// <summary>Whether each transformed channel has a log-scale gain of its own; otherwise one number serves a coupling.</summary>
    public bool GainPerChannel { get; init; } = true;

    /// <summary>Whether y = (x + t) * exp(s) instead of y = x * exp(s) + t: the same family, but there a growing scale multiplies the shift too.</summary>
    public bool ShiftFirst { get; init; }

    /// <summary>
    /// Whether the statistics of the batch norm behind a checkerboard are those of the image with zeros in place of the conditioning pixels. Its output then has
    /// a variance of about 2 where 1 is meant.
    /// </summary>
    public bool MaskedZerosInStatistics { get; init; }

    /// <summary>The choices of the original code.</summary>
    public static ImageCouplingOptions Original { get; } = new() { IdentityStart = false, GainPerChannel = false, ShiftFirst = true, MaskedZerosInStatistics = true };
}
