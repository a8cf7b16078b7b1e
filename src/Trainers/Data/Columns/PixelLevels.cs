using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>The levels that the pixels of a training set stand on.</summary>
internal static class PixelLevels
{
    /// <summary>The distance of two levels, told from the values: 1, or 1 / (levels - 1) where none exceeds 1.</summary>
    /// <param name="rows">Images, and after them their conditions, where they have any.</param>
    /// <param name="pixels">The values of an image.</param>
    /// <param name="levels">The number of levels.</param>
    public static float Width(WeightedRows rows, int pixels, int levels)
    {
        float largest = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            foreach (float value in rows.Row(i)[..pixels])
                largest = Math.Max(largest, value);
        }
        return largest is > 0 and <= 1.001f ? 1f / (levels - 1) : 1;
    }
}
