using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Models;

/// <summary>A column of the table as the flow sees it.</summary>
/// <param name="Name">The column.</param>
/// <param name="First">Its first feature.</param>
/// <param name="Categories">What its features stand for; empty for a number, which is one feature.</param>
/// <param name="HasFlag">Whether the feature behind the number says that the cell was missing.</param>
internal sealed record FeatureGroup(string Name, int First, IReadOnlyList<string> Categories, bool HasFlag = false)
{
    /// <summary>How many features it has.</summary>
    public int Count => Math.Max(1, Categories.Count) + (HasFlag ? 1 : 0);

    /// <summary>
    /// Puts the features of one column together: those of the category "colour" are "colour.red", "colour.blue" and so on, and behind the
    /// number "flow" may stand "flow:missing".
    /// </summary>
    public static IReadOnlyList<FeatureGroup> Of(IReadOnlyList<string> features, IReadOnlyList<(string Name, CellKind Kind)> inputs)
    {
        var numbers = inputs.Where(input => input.Kind == CellKind.Number).Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        // the longest name that fits: beside "a" there may be a column "a.b"
        string[] texts = [.. inputs.Where(input => input.Kind == CellKind.Text).Select(input => input.Name)
            .OrderByDescending(name => name.Length)];
        string?[] columns = [.. features.Select(name => numbers.Contains(name) ? null
            : texts.FirstOrDefault(text => name.StartsWith(text + ".", StringComparison.Ordinal)))];
        var groups = new List<FeatureGroup>();
        for (int i = 0; i < features.Count; i += groups[^1].Count)
        {
            string name = features[i];
            if (columns[i] is { } column)
            {
                int count = columns.Skip(i).TakeWhile(other => other == column).Count();
                groups.Add(new(column, i, [.. features.Skip(i).Take(count).Select(feature => feature[(column.Length + 1)..])]));
                continue;
            }
            string flag = name + TablePipeline.Flag;
            groups.Add(new(name, i, [], i + 1 < features.Count && features[i + 1] == flag && !numbers.Contains(flag)));
        }
        return groups;
    }

    /// <summary>
    /// The cell that a row's features make: a number, the category of the largest one, or nothing where it is likelier missing.
    /// </summary>
    public string CellOf(ReadOnlySpan<float> features)
    {
        if (HasFlag && features[First + 1] > 0.5f)
            return "";
        if (Categories.Count == 0)
            return Cell.Text(features[First]);
        int best = 0;
        for (int i = 1; i < Categories.Count; i++)
        {
            if (features[First + i] > features[First + best])
                best = i;
        }
        return Categories[best];
    }

    /// <summary>The sum over its features.</summary>
    public float Sum(ReadOnlySpan<float> features)
    {
        float sum = 0;
        for (int i = 0; i < Count; i++)
            sum += features[First + i];
        return sum;
    }
}
