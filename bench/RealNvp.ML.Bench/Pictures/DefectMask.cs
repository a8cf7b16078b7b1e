using Microsoft.ML.Data;
using RealNvp.ML.Baselines;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>A file with a defect in white, at the size that maps are judged at.</summary>
internal static class DefectMask
{
    private const int Side = DefectMaps.Side;

    /// <summary>The pixels of a mask.</summary>
    public static bool[] Read(string path)
    {
        using MLImage image = MLImage.CreateFromFile(path);
        ReadOnlySpan<byte> bytes = image.Pixels;
        var mask = new bool[Side * Side];
        for (int i = 0; i < mask.Length; i++)
        {
            (int y, int x) = ((2 * (i / Side) + 1) * image.Height / (2 * Side), (2 * (i % Side) + 1) * image.Width / (2 * Side));
            mask[i] = bytes[4 * (y * image.Width + x)] > 127;
        }
        return mask;
    }
}
