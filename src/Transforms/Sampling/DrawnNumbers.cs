using System.Collections.Immutable;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Drawn features as the numbers that are meant. A flow draws values between those that a column can have; of a column with few different
/// values in training, or with one, the nearest of those is meant, and of the columns of a one-hot group the largest.
/// </summary>
/// <remarks>
/// The command line and the service write rows so, and rows of a class have them; <c>Sample</c> and arrays of rows have what the flow
/// draws. The values are those of <see cref="FlowMetadata.FeatureLevels"/>, the groups <see cref="FlowMetadata.OneHotGroups"/>; of a model
/// without them all numbers stay as they are.
/// </remarks>
/// <example>
/// <code>
/// var numbers = DrawnNumbers.Of(flow.Model);
/// foreach (float[] row in flow.SampleRows(count: 10, seed: 1))
///     Console.WriteLine(string.Join(' ', numbers.Nearest(row)));
/// </code>
/// </example>
public sealed class DrawnNumbers
{
    private readonly ImmutableArray<ImmutableArray<float>> _levels;
    private readonly ImmutableArray<ImmutableArray<int>> _groups;
    private readonly int _features;

    private DrawnNumbers(FlowModel model)
        => (_levels, _groups, _features) = (model.Metadata.FeatureLevels, model.Metadata.OneHotGroups, model.InputShape.Size);

    /// <summary>What a model tells of the values of its features; of an image's nothing.</summary>
    /// <param name="model">The flow that rows are drawn from.</param>
    public static DrawnNumbers Of(FlowModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new(model);
    }

    /// <summary>The values that are meant. What is not finite stays so.</summary>
    /// <param name="row">As it was drawn, in the units of the features.</param>
    /// <exception cref="ArgumentException">The row has another length than the flow's.</exception>
    public float[] Nearest(ReadOnlySpan<float> row)
    {
        if (row.Length != _features)
            throw new ArgumentException($"The row has {row.Length} values, the flow {_features}.", nameof(row));
        float[] meant = row.ToArray();
        if (_levels.IsEmpty)
            return meant;
        for (int i = 0; i < meant.Length; i++)
            meant[i] = Nearest(_levels[i], meant[i]);
        foreach (ImmutableArray<int> group in _groups)
        {
            int largest = -1;
            double most = double.NegativeInfinity; // in units of the gap, which differs where columns were scaled
            foreach (int i in group)
            {
                double height = (row[i] - (double)_levels[i][0]) / (_levels[i][1] - (double)_levels[i][0]);
                (largest, most) = height > most ? (i, height) : (largest, most);
            }
            foreach (int i in double.IsFinite(most) ? group : [])
                meant[i] = float.IsFinite(row[i]) ? _levels[i][i == largest ? 1 : 0] : row[i];
        }
        return meant;
    }

    private static float Nearest(ImmutableArray<float> levels, float value)
    {
        if (levels.IsEmpty || !float.IsFinite(value))
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
