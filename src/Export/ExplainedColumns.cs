namespace RealNvp.ML.Export;

/// <summary>
/// What an explanation takes together: a number is one feature, a category all features of its one-hot group. One by one these would pass
/// through rows that cannot be, of two categories or of none, whose scores would drown every reason.
/// </summary>
internal sealed class ExplainedColumns
{
    private ExplainedColumns(int[] starts)
    {
        Starts = starts;
        ColumnOf = new int[starts[^1]];
        for (int column = 0; column < Count; column++)
            Array.Fill(ColumnOf, column, starts[column], starts[column + 1] - starts[column]);
    }

    /// <summary>How many there are.</summary>
    public int Count => Starts.Length - 1;

    /// <summary>The first feature of each, and at the end the number of features.</summary>
    public int[] Starts { get; }

    /// <summary>The column of each feature.</summary>
    public int[] ColumnOf { get; }

    /// <summary>Whether each feature is a column of its own.</summary>
    public bool IsPlain => Count == ColumnOf.Length;

    /// <summary>The features of a column.</summary>
    public Range this[int column] => Starts[column]..Starts[column + 1];

    /// <summary>
    /// The columns of a model. A category is told by the names of its features, "colour.red" and "colour.blue", and by the row that
    /// explanations compare with, which has one of them at 1 and the others at 0.
    /// </summary>
    public static ExplainedColumns Of(FlowMetadata metadata, int features)
    {
        var starts = new List<int>();
        int next = 0;
        string[] names = metadata.FeatureMedians.IsEmpty ? [] : [.. metadata.FeatureNames];
        foreach (Range group in Groups(names, range => IsOneHot(metadata.FeatureMedians.AsSpan()[range])))
        {
            starts.AddRange(Enumerable.Range(next, group.Start.Value - next + 1));
            next = group.End.Value;
        }
        return new([.. starts, .. Enumerable.Range(next, features - next + 1)]);
    }

    /// <summary>
    /// Neighbours whose names begin alike up to a dot and that are a group by what is asked of them; of two that hold each other the larger
    /// one.
    /// </summary>
    public static IEnumerable<Range> Groups(string[] names, Func<Range, bool> isGroup) => Groups(names, isGroup, 0, names.Length, 0);

    private static IEnumerable<Range> Groups(string[] names, Func<Range, bool> isGroup, int first, int end, int known)
    {
        for (int i = first; i < end;)
        {
            int dot = names[i].IndexOf('.', known), next = i + 1;
            if (dot >= 0)
            {
                while (next < end && names[next].AsSpan().StartsWith(names[i].AsSpan(0, dot + 1), StringComparison.Ordinal))
                    next++;
            }
            if (next > i + 1 && isGroup(i..next))
            {
                yield return i..next;
            }
            else if (next > i + 1)
            {
                foreach (Range within in Groups(names, isGroup, i, next, dot + 1))
                    yield return within;
            }
            i = next;
        }
    }

    private static bool IsOneHot(ReadOnlySpan<float> values) => values.Count(1f) == 1 && values.Count(0f) == values.Length - 1;
}
