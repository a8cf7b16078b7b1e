using System.Collections.Immutable;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Drawn features as the numbers that are meant. A flow draws values between those that a column can have; of a column with few different
/// values in training, or with one, the nearest of those is meant.
/// </summary>
/// <remarks>
/// The command line and the service write rows so, and rows of a class have them; <c>Sample</c> and arrays of rows have what the flow
/// draws. The values are those of <see cref="FlowMetadata.FeatureLevels"/>; of a model without them all numbers stay as they are.
/// </remarks>
/// <example>
/// <code>
/// var numbers = DrawnNumbers.Of(flow.Model);
/// foreach (float[] row in flow.SampleRows(count: 10, seed: 1))
///     Console.WriteLine(string.Join(' ', row.Select((value, i) =&gt; numbers.Nearest(i, value))));
/// </code>
/// </example>
public sealed class DrawnNumbers
{
    private readonly ImmutableArray<ImmutableArray<float>> _levels;
    private readonly int _features;

    private DrawnNumbers(FlowModel model) => (_levels, _features) = (model.Metadata.FeatureLevels, model.InputShape.Size);

    /// <summary>What a model tells of the values of its features; of an image's nothing.</summary>
    /// <param name="model">The flow that rows are drawn from.</param>
    public static DrawnNumbers Of(FlowModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new(model);
    }

    /// <summary>The value that is meant.</summary>
    /// <param name="feature">Its place in the row.</param>
    /// <param name="value">As it was drawn, in the feature's unit.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such feature.</exception>
    public float Nearest(int feature, float value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(feature);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(feature, _features);
        if (_levels.IsEmpty || _levels[feature] is not { IsEmpty: false } levels || !float.IsFinite(value))
            return value;
        int above = levels.BinarySearch(value);
        if (above >= 0)
            return value;
        above = ~above;
        return above == 0 ? levels[0]
            : above == levels.Length || value - (double)levels[above - 1] <= levels[above] - (double)value ? levels[above - 1]
            : levels[above];
    }
}
