using RealNvp.ML.Trainers.Steps;

namespace RealNvp.ML.Trainers;

/// <summary>The size of an image flow, and what its pixels stand for.</summary>
internal sealed record ImageFlowOptions
{
    /// <summary>The number of scales: each but the last halves the sides and factors out half of the variables.</summary>
    public int Scales { get; init; } = 2;

    /// <summary>The maps of the first checkerboard nets; they double at every scale, and channel-wise nets have twice as many.</summary>
    public int BaseWidth { get; init; } = 32;

    /// <summary>The residual blocks of each net.</summary>
    public int Blocks { get; init; } = 4;

    /// <summary>Whether a batch norm stands behind every coupling.</summary>
    public bool BatchNorm { get; init; } = true;

    /// <summary>The number of levels of a pixel.</summary>
    public int Levels { get; init; } = 256;

    /// <summary>The distance of two levels in the column's units.</summary>
    public float LevelWidth { get; init; } = 1;

    /// <summary>How the couplings compute; width and blocks come from here.</summary>
    public ImageCouplingOptions Coupling { get; init; } = new();
}
