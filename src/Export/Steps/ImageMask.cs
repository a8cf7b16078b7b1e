namespace RealNvp.ML.Export.Steps;

/// <summary>Which half of an image conditions a coupling; the other half is transformed (paper, section 3.4).</summary>
public enum ImageMask
{
    /// <summary>A checkerboard: pixels (y, x) with an even y + x condition, in every channel.</summary>
    EvenPixels,

    /// <summary>A checkerboard: pixels (y, x) with an odd y + x condition, in every channel.</summary>
    OddPixels,

    /// <summary>The first half of the channels conditions.</summary>
    FirstChannels,

    /// <summary>The second half of the channels conditions.</summary>
    SecondChannels,
}

/// <summary>What masks say about pixels and channels.</summary>
internal static class ImageMasks
{
    /// <summary>Whether the mask divides pixels, and not channels.</summary>
    public static bool IsCheckerboard(this ImageMask mask) => mask is ImageMask.EvenPixels or ImageMask.OddPixels;

    /// <summary>The mask with the roles exchanged.</summary>
    public static ImageMask Complement(this ImageMask mask) => mask switch
    {
        ImageMask.EvenPixels => ImageMask.OddPixels,
        ImageMask.OddPixels => ImageMask.EvenPixels,
        ImageMask.FirstChannels => ImageMask.SecondChannels,
        _ => ImageMask.FirstChannels,
    };

    /// <summary>A checkerboard as a map [height, width] of ones where pixels condition and zeros where they are transformed.</summary>
    public static float[] Conditioning(this ImageMask mask, int height, int width)
    {
        if (!mask.IsCheckerboard())
            throw new ArgumentException($"{mask} is no checkerboard.", nameof(mask));
        int conditioning = mask == ImageMask.EvenPixels ? 0 : 1;
        return [.. Enumerable.Range(0, height * width).Select(i => (i / width + i % width) % 2 == conditioning ? 1f : 0f)];
    }
}
