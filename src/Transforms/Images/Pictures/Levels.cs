using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.Images.Pictures;

/// <summary>The levels that pixels stand on: 0, w, 2 w ... (k - 1) w in the units of their column.</summary>
/// <param name="Count">k.</param>
/// <param name="Width">w.</param>
internal readonly record struct Levels(int Count, float Width)
{
    /// <summary>The highest level.</summary>
    public float Highest => (Count - 1) * Width;

    /// <summary>The width of all bins together.</summary>
    public double Range => (double)Count * Width;

    /// <summary>The levels of an image flow's pixels; null where a flow is over something else.</summary>
    public static Levels? Of(FlowModel model)
        => model.InputShape.IsImage && DiscreteLevels.LogitOf(model.Steps) is { } logit ? new(logit.Levels, logit.LevelWidth) : null;

    /// <summary>
    /// The level whose bin a value lies in, floor(v / w + 1/2), at least 0 and at most k - 1, with these spread over 0 to 255.
    /// </summary>
    public byte ToByte(float value)
    {
        double level = Math.Floor(value / (double)Width + 0.5);
        level = level > 0 ? Math.Min(level, Count - 1) : 0; // NaN becomes 0
        return (byte)Math.Round(level * byte.MaxValue / (Count - 1), MidpointRounding.AwayFromZero);
    }
}
