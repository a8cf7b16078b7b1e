using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace RealNvp.ML.Samples;

/// <summary>A picture as a row.</summary>
internal sealed class Shown
{
    /// <summary>Which.</summary>
    [NoColumn]
    public required TexturePicture Picture { get; init; }

    /// <summary>What it shows.</summary>
    [ImageType(Textures.Side, Textures.Side)]
    public MLImage Image => Picture.Image;
}
