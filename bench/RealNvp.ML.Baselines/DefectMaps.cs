using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>
/// Scores of positions, brought to the net's 224 x 224 pixels and smoothed by a Gaussian of 4 pixels, as PaDiM and PatchCore do it; the
/// largest is the picture's.
/// </summary>
public static class DefectMaps
{
    /// <summary>The side of a map of pixels.</summary>
    public const int Side = 224;

    private const double Smoothing = 4;
    private const int Reach = 16;

    /// <summary>AUROC of pictures, and of pixels where there are masks.</summary>
    /// <param name="scores">[n, positions], of square maps.</param>
    /// <param name="isDefect">Which pictures show a defect.</param>
    /// <param name="masks">Which pixels are of one, [224 x 224] of each picture; null where nobody drew it.</param>
    public static (double Image, double? Pixel) Auroc(float[][] scores, bool[] isDefect, bool[]?[] masks)
    {
        float[][] maps = Array.ConvertAll(scores, Smooth);
        double image = RankMetrics.Auroc([.. maps.Select(map => map.Max())], isDefect);
        int[] drawn = [.. Enumerable.Range(0, maps.Length).Where(i => masks[i] is not null || !isDefect[i])];
        if (!drawn.Any(i => masks[i] is not null))
            return (image, null);
        float[] pixels = [.. drawn.SelectMany(i => maps[i])];
        bool[] isOne = [.. drawn.SelectMany(i => masks[i] ?? new bool[Side * Side])];
        return (image, RankMetrics.Auroc(pixels, isOne));
    }

    private static float[] Smooth(float[] scores)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        long side = (long)Math.Round(Math.Sqrt(scores.Length));
        Tensor map = nn.functional.interpolate(tensor(scores, [1, 1, side, side]), [Side, Side], mode: InterpolationMode.Bilinear,
            align_corners: false);
        float[] weights = [.. Enumerable.Range(-Reach, 2 * Reach + 1).Select(i => (float)Math.Exp(-0.5 * i * i / (Smoothing * Smoothing)))];
        Tensor kernel = tensor(weights) / weights.Sum();
        map = nn.functional.pad(map, [Reach, Reach, Reach, Reach], PaddingModes.Reflect);
        map = nn.functional.conv2d(map, kernel.reshape(1, 1, 1, -1));
        return nn.functional.conv2d(map, kernel.reshape(1, 1, -1, 1)).data<float>().ToArray();
    }
}
