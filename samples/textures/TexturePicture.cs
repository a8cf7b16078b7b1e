using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace RealNvp.ML.Samples;

/// <summary>A generated picture and where its defect is.</summary>
public sealed class TexturePicture
{
    internal TexturePicture(string name, byte[] rgba, bool[] mask, Defect defect)
    {
        Name = name;
        Rgba = rgba;
        Mask = mask;
        Defect = defect;
    }

    /// <summary>A name of its own, as files have it in MVTec AD's layout: train/good/000, test/stain/003.</summary>
    public string Name { get; }

    /// <summary>What is wrong.</summary>
    public Defect Defect { get; }

    /// <summary>Whether something is wrong.</summary>
    public bool IsDefective => Defect != Defect.Good;

    /// <summary>The pixels, row by row from the top, red, green, blue, 255.</summary>
    public byte[] Rgba { get; }

    /// <summary>Where the defect is, row by row from the top.</summary>
    public bool[] Mask { get; }

    /// <summary>
    /// The picture as a column that ML.NET's image transforms read: another one each time, for ExtractPixels disposes what it has read.
    /// </summary>
    [ImageType(Textures.Side, Textures.Side)]
    public MLImage Image => MLImage.CreateFromPixels(Textures.Side, Textures.Side, MLPixelFormat.Rgba32, Rgba);
}
