using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;

namespace RealNvp.ML.Trainers;

/// <summary>The sides of images that a multi-scale flow accepts.</summary>
internal static class ImageFlow
{
    /// <summary>The smallest side of the last scale: a checkerboard needs neighbours.</summary>
    private const int SmallestSide = 2;

    /// <summary>More would need sides of more than 2^16 pixels.</summary>
    private const int MaxScales = 16;

    /// <summary>The largest number of scales that the sides allow.</summary>
    public static int MostScales(int height, int width)
    {
        int scales = Math.Min(height, width) >= SmallestSide ? 1 : 0;
        while (scales > 0 && Fits(height, scales + 1) && Fits(width, scales + 1))
            scales++;
        return scales;
    }

    /// <summary>Requires sides that allow this many scales.</summary>
    /// <exception cref="ArgumentException">They do not; the message has the nearest sizes.</exception>
    public static void RequireSize(FlowShape shape, int scales)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scales, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scales, MaxScales);
        (int height, int width) = (shape.Dimensions[1], shape.Dimensions[2]);
        if (Fits(height, scales) && Fits(width, scales))
            return;
        int unit = 1 << (scales - 1), most = MostScales(height, width);
        throw new ArgumentException(
            $"A flow of {scales} scales needs a height and a width that are multiples of {unit} and at least {SmallestSide * unit}; "
            + $"found {height}x{width}. " + MultiScale.NearestSizes(height, width, unit, SmallestSide)
            + (most > 0 ? $"; or use {most} scale{(most == 1 ? "" : "s")}." : "."), nameof(shape));
    }

    private static bool Fits(int side, int scales) => side % (1 << (scales - 1)) == 0 && side >> (scales - 1) >= SmallestSide;
}
