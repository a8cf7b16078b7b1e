using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Models;

/// <summary>A column of the table as the flow sees it.</summary>
/// <param name="Name">The column.</param>
/// <param name="First">Its first feature.</param>
/// <param name="Categories">What its features stand for; empty for a number, which is one feature.</param>
internal sealed record FeatureGroup(string Name, int First, IReadOnlyList<string> Categories)
{
    /// <summary>How many features it has.</summary>
    public int Count => Math.Max(1, Categories.Count);

    /// <summary>
    /// Puts the features of one category together: those of the column "colour" are "colour.red", "colour.blue" and so on.
    /// </summary>
    public static IReadOnlyList<FeatureGroup> Of(IReadOnlyList<string> features, IReadOnlyList<(string Name, CellKind Kind)> inputs)
    {
        string[] texts = [.. inputs.Where(input => input.Kind == CellKind.Text).Select(input => input.Name)
            .OrderByDescending(name => name.Length)];
        var groups = new List<FeatureGroup>();
        for (int i = 0; i < features.Count;)
        {
            string name = features[i];
            string? column = inputs.Any(input => input.Name == name && input.Kind == CellKind.Number) ? null
                : texts.FirstOrDefault(text => name.StartsWith(text + ".", StringComparison.Ordinal));
            string[] categories = column is null ? []
                : [.. features.Skip(i).TakeWhile(feature => feature.StartsWith(column + ".", StringComparison.Ordinal))
                    .Select(feature => feature[(column.Length + 1)..])];
            groups.Add(new(column ?? name, i, categories));
            i += groups[^1].Count;
        }
        return groups;
    }

    /// <summary>The cell that a row's features make: a number, or the category of the largest one.</summary>
    public string CellOf(ReadOnlySpan<float> features)
    {
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
