namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>The levels that the pixels of a training set stand on.</summary>
internal static class PixelLevels
{
    /// <summary>The distance of two levels, told from the values: 1, or 1 / (levels - 1) where none exceeds 1.</summary>
    public static float Width(ReadOnlySpan<float> values, int levels)
    {
        float largest = 0;
        foreach (float value in values)
            largest = Math.Max(largest, value);
        return largest is > 0 and <= 1.001f ? 1f / (levels - 1) : 1;
    }
}
