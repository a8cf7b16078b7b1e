namespace RealNvp.ML.Trainers.Data;

/// <summary>The levels that the pixels of a training set stand on.</summary>
internal static class PixelLevels
{
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
}
