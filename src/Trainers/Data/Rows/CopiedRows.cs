namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>
/// Rows that stand in the training slice more than once, or in it and in one that is held out, as where each device was measured several
/// times: validation then cannot see overfitting, and the threshold is that of rows the flow has seen.
/// </summary>
internal sealed class CopiedRows
{
    /// <summary>A share of copies from which on there is something to say.</summary>
    public const double Noteworthy = 0.1;

    /// <summary>A column of fewer values may repeat by chance; so may the rows of a table that has no other.</summary>
    private const int FewValues = 20;

    private readonly HashSet<ulong>? _seen; // the rows of the training slice; null where they repeat by nature

    /// <summary>Looks at the rows of the training slice.</summary>
    public CopiedRows(WeightedRows training)
    {
        if (Enumerable.Range(0, training.Features).Any(feature => IsMeasured(training, feature)))
            _seen = [.. Enumerable.Range(0, training.Count).Select(row => Hash(training, row))];
        Different = _seen?.Count ?? training.Count;
    }

    /// <summary>How many of them are no copies of others; all where rows repeat by nature.</summary>
    public int Different { get; }

    /// <summary>
    /// The share of held-out rows that equal a training row in every value; 0 where all columns are categories or whole numbers, whose rows
    /// repeat by nature.
    /// </summary>
    public double Share(params ReadOnlySpan<WeightedRows?> heldOut)
    {
        int rows = 0, copies = 0;
        foreach (WeightedRows? slice in heldOut)
        {
            rows += slice?.Count ?? 0;
            copies += slice is null ? 0 : slice.Count - Fresh(slice).Length;
        }
        return rows == 0 ? 0 : (double)copies / rows;
    }

    /// <summary>The held-out rows that are no such copies, by number.</summary>
    public int[] Fresh(WeightedRows heldOut)
        => [.. Enumerable.Range(0, heldOut.Count).Where(row => _seen is null || !_seen.Contains(Hash(heldOut, row)))];

    /// <summary>
    /// Whether a column has values that two rows hardly share by chance: more than a few, most of them no whole numbers of some unit.
    /// </summary>
    private static bool IsMeasured(WeightedRows rows, int feature)
    {
        var values = new HashSet<float>();
        for (int i = 0; i < rows.Count; i++)
            values.Add(rows.Values[i * rows.Features + feature]);
        if (values.Count <= FewValues)
            return false;
        float[] sorted = [.. values.Order()];
        double gap = double.PositiveInfinity;
        for (int i = 1; i < sorted.Length; i++)
            gap = Math.Min(gap, (double)sorted[i] - sorted[i - 1]);
        // units within one of the next are not told from roundings: a grid of a million levels is as good as none
        int offGrid = sorted.Count(value
            => (value - (double)sorted[0]) / gap is var steps && (steps > 1e6 || Math.Abs(steps - Math.Round(steps)) > 0.05));
        return 2 * offGrid > sorted.Length;
    }

    /// <summary>
    /// 64 bits of a row's values (each mixed with those before it): two of a million rows share them with a chance of one in ten million.
    /// </summary>
    private static ulong Hash(WeightedRows rows, int row)
    {
        ulong hash = 14695981039346656037;
        foreach (float value in rows.Values.AsSpan(row * rows.Features, rows.Features))
            hash = new RowHash((long)hash).Bits(BitConverter.SingleToInt32Bits(value == 0 ? 0 : value)); // both zeros are one
        return hash;
    }
}
