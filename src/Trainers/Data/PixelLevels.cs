namespace RealNvp.ML.Trainers.Data;

/// <summary>The levels that the pixels of a training set stand on.</summary>
internal static class PixelLevels
{
    /// <summary>Values further than this share of a level from the nearest one are counted as off the levels.</summary>
    private const double OffShare = 0.05;

    /// <summary>The distance of two levels: as the options have it, or told from the values.</summary>
    public static float Width(ReadOnlySpan<float> values, ImageFlowOptions options)
    {
        if (options.LevelWidth > 0)
            return options.LevelWidth;
        float largest = 0;
        foreach (float value in values)
            largest = Math.Max(largest, value);
        return largest is > 0 and <= 1.001f ? 1f / (options.Levels - 1) : 1;
    }

    /// <summary>Requires values within the levels, and says which share lies between them.</summary>
    /// <exception cref="ArgumentException">A value is outside.</exception>
    public static double Check(ReadOnlySpan<float> values, string column, int levels, float width)
    {
        long off = 0;
        foreach (float value in values)
        {
            double level = value / width;
            if (!(level > -0.5 && level < levels - 0.5))
                throw new ArgumentException($"Column '{column}' has a pixel of {value}, expected {levels} levels from 0 to {(levels - 1) * width:G4}: set Image.Levels and Image.LevelWidth, or the scale of ExtractPixels.");
            if (Math.Abs(level - Math.Round(level)) > OffShare)
                off++;
        }
        return (double)off / values.Length;
    }
}
