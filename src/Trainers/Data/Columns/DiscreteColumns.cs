namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>Finds the features whose values come from a grid: few different values for the number of rows.</summary>
internal static class DiscreteColumns
{
    private const int AlwaysFew = 20;
    private const double FewShare = 0.05;

    /// <summary>Values nearer than this share of a column's range count as one: rounding of float32.</summary>
    private const double SameShare = 1e-6;

    /// <summary>
    /// The range goes this many scales at most: further out stand codes for missing values and other extremes, which say nothing of
    /// roundings.
    /// </summary>
    private const double RangeInScales = 10;

    /// <summary>
    /// The width of one bin, the smallest gap between values, 0 for a continuous or constant feature; and whether there are but two values.
    /// </summary>
    /// <param name="values">Ascending.</param>
    /// <param name="scale">The column's scale.</param>
    public static (float Width, bool IsOfTwo) Width(ReadOnlySpan<float> values, double scale)
    {
        int count = values.Length, distinct = 1;
        double few = Math.Max(AlwaysFew, FewShare * count), smallest = double.PositiveInfinity;
        double same = SameShare * Math.Min((double)values[^1] - values[0], RangeInScales * scale);
        for (int i = 1; i < count; i++)
        {
            double gap = (double)values[i] - values[i - 1];
            if (gap <= same)
                continue;
            distinct++;
            smallest = Math.Min(smallest, gap);
        }
        bool isDiscrete = distinct > 1 && distinct <= few && distinct < count && float.IsFinite((float)smallest);
        return isDiscrete ? ((float)smallest, distinct == 2) : (0, false);
    }
}
