namespace RealNvp.ML.Transforms;

/// <summary>
/// A column as a flow sees it: a number is one feature, a category one feature for each of its values, as
/// <c>Categorical.OneHotEncoding</c> and <c>Concatenate</c> make them: those of the column "colour" are "colour.red", "colour.blue" and so
/// on.
/// </summary>
/// <param name="Name">The column.</param>
/// <param name="First">The place of its first feature.</param>
/// <param name="Categories">What its features stand for; empty for a number, which is one feature.</param>
/// <param name="HasFlag">Whether the feature after the number, named "number:missing", says that the value was missing.</param>
/// <example>
/// <code>
/// var groups = FeatureGroup.Of(flow.Model.Metadata.FeatureNames, texts: ["colour"], numbers: ["weight"]);
/// foreach (float[] row in flow.SampleRows(count: 10, seed: 1))
///     Console.WriteLine(groups[0].CategoryOf(row)); // "blue"
/// </code>
/// </example>
public sealed record FeatureGroup(string Name, int First, IReadOnlyList<string> Categories, bool HasFlag = false)
{
    /// <summary>How the name of a feature ends that says whether the number of the name before it was missing.</summary>
    public const string MissingSuffix = ":missing";

    /// <summary>How many features it has.</summary>
    public int Count => Math.Max(1, Categories.Count) + (HasFlag ? 1 : 0);

    /// <summary>Puts the features of one category together, and a number's with its flag.</summary>
    /// <param name="features">The names of the features, in order.</param>
    /// <param name="texts">The columns that may be categories.</param>
    /// <param name="numbers">Columns that are none, though a name may look so: "colour.depth" beside "colour".</param>
    /// <returns>The columns, in the order of their first features; one with the feature's name for each that is of no category.</returns>
    public static IReadOnlyList<FeatureGroup> Of(IReadOnlyList<string> features, IEnumerable<string> texts, IEnumerable<string> numbers)
    {
        ArgumentNullException.ThrowIfNull(features);
        string[] longestFirst = [.. texts.OrderByDescending(name => name.Length)];
        var single = new HashSet<string>(numbers, StringComparer.Ordinal);
        var groups = new List<FeatureGroup>();
        for (int i = 0; i < features.Count;)
        {
            string? column = ColumnOf(features[i]);
            string[] categories = column is null ? [] : [.. features.Skip(i).TakeWhile(feature => ColumnOf(feature) == column)
                .Select(feature => feature[(column.Length + 1)..])];
            string flag = features[i] + MissingSuffix;
            bool hasFlag = column is null && i + 1 < features.Count && features[i + 1] == flag && !single.Contains(flag);
            groups.Add(new(column ?? features[i], i, categories, hasFlag));
            i += groups[^1].Count;
        }
        return groups;

        string? ColumnOf(string feature) => single.Contains(feature) ? null
            : longestFirst.FirstOrDefault(text => feature.StartsWith(text + ".", StringComparison.Ordinal));
    }

    /// <summary>The category of a row, that of its largest feature; null for a number.</summary>
    /// <param name="row">All features of the row.</param>
    public string? CategoryOf(ReadOnlySpan<float> row)
    {
        if (Categories.Count == 0)
            return null;
        int best = 0;
        for (int i = 1; i < Categories.Count; i++)
        {
            if (row[First + i] > row[First + best])
                best = i;
        }
        return Categories[best];
    }

    /// <summary>Whether the value is rather missing in a row than there: its flag is above a half.</summary>
    /// <param name="row">All features of the row.</param>
    public bool IsMissing(ReadOnlySpan<float> row) => HasFlag && row[First + 1] > 0.5f;

    /// <summary>The sum over its features, as of contributions.</summary>
    /// <param name="row">A value for each feature.</param>
    public float Sum(ReadOnlySpan<float> row)
    {
        float sum = 0;
        for (int i = 0; i < Count; i++)
            sum += row[First + i];
        return sum;
    }
}
