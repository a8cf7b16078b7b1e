using Microsoft.ML.Data;
using SkiaSharp;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>
/// Finds image files that end too early or are damaged. SkiaSharp, which reads images for ML.NET, fills what it cannot read with black and
/// says so in a result that ML.NET does not look at.
/// </summary>
internal static class ImageFileCheck
{
    private const int Samples = 4; // bytes of a pixel, the last one its opacity

    /// <summary>
    /// What is wrong with the file of an image, or null. Only a file whose last row came out black is read again: every other one was read
    /// to its end.
    /// </summary>
    /// <param name="image">As it was read.</param>
    /// <param name="path">Its file; where there is none, nothing is known.</param>
    public static string? Fault(MLImage image, string path)
    {
        if (!EndsBlack(image) || !File.Exists(path))
            return null;
        using SKCodec? codec = SKCodec.Create(path, out SKCodecResult result);
        if (codec is not null)
            result = codec.GetPixels(out _);
        return result switch
        {
            SKCodecResult.Success => null,
            SKCodecResult.IncompleteInput => "the file ends before the image does, or is damaged",
            _ => $"the file is damaged ({result})",
        };
    }

    private static bool EndsBlack(MLImage image)
    {
        ReadOnlySpan<byte> last = image.Pixels[^(image.Width * Samples)..];
        for (int i = 0; i < last.Length; i++)
        {
            if (i % Samples != Samples - 1 && last[i] != 0)
                return false;
        }
        return true;
    }
}
