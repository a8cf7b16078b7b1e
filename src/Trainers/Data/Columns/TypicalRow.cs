using RealNvp.ML.Export;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// The row that explanations compare with: the median of each number, and of each category the most frequent one. The medians of a category
/// of which none has half of the rows would be a row without any, which is most unlikely beside all others.
/// </summary>
internal static class TypicalRow
{
    /// <summary>Of single precision, whose sums over many rows these are.</summary>
    private const double Tolerance = 1e-3;

    /// <summary>The row.</summary>
    /// <param name="facts">What the training rows say of each feature.</param>
    /// <param name="names">The features' names; empty where they have none.</param>
    public static float[] Of(ColumnFacts facts, IReadOnlyList<string> names)
    {
        float[] row = [.. facts.Median];
        foreach (Range group in row.Length == 0 ? [] : ExplainedColumns.Groups([.. names], range => IsOneHot(facts, range)))
        {
            int most = Enumerable.Range(group.Start.Value, group.End.Value - group.Start.Value).MaxBy(j => facts.Mean[j]);
            row.AsSpan(group).Clear();
            row[most] = 1;
        }
        return row;
    }

    /// <summary>
    /// Whether each feature is 0 or 1, which the deviation of a share p tells, the root of p (1 - p); and no more than one of them is 1 in
    /// a row, most often one.
    /// </summary>
    private static bool IsOneHot(ColumnFacts facts, Range group)
    {
        double sum = 0;
        float most = 0;
        for (int j = group.Start.Value; j < group.End.Value; j++)
        {
            (double share, double deviation) = (facts.Mean[j], facts.StandardDeviation[j]);
            bool isConstant = facts.Unvaried.Contains(j) && (share is 0 or 1);
            if (!(isConstant || share is > 0 and < 1 && Math.Abs(deviation * deviation - share * (1 - share)) <= Tolerance * share))
                return false;
            sum += share;
            most = Math.Max(most, facts.Mean[j]);
        }
        return sum <= 1 + Tolerance && most > 1 - sum;
    }
}
