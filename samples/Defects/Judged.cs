using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace RealNvp.ML.Samples;

/// <summary>What the flow says of a picture.</summary>
internal sealed class Judged
{
    /// <summary>How unlikely its features are.</summary>
    public float Score { get; set; }

    /// <summary>Each position's share of that.</summary>
    public float[] ScoreMap { get; set; } = [];

    /// <summary>The largest share.</summary>
    public float MapMaximum { get; set; }

    /// <summary>The map painted over the picture.</summary>
    [ImageType(Textures.Side, Textures.Side)]
    public MLImage? ScoreMapImage { get; set; }
}
