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

    /// <summary>Levels of a column that a model is told of: more make it large.</summary>
    private const int MostLevels = 1024;

    /// <summary>
    /// The width of one bin, the smallest gap between values, and the different values, ascending, unless they are very many; 0 and none
    /// for a continuous feature.
    /// </summary>
    /// <param name="values">Ascending.</param>
    /// <param name="scale">The column's scale.</param>
    public static (float Width, float[] Levels) Grid(ReadOnlySpan<float> values, double scale)
    {
        int count = values.Length;
        double few = Math.Max(AlwaysFew, FewShare * count), smallest = double.PositiveInfinity;
        double same = SameShare * Math.Min((double)values[^1] - values[0], RangeInScales * scale);
        List<float> levels = [values[0]];
        for (int i = 1; i < count && levels.Count <= few; i++)
        {
            double gap = (double)values[i] - values[i - 1];
            if (gap <= same)
                continue;
            levels.Add(values[i]);
            smallest = Math.Min(smallest, gap);
        }
        bool isDiscrete = levels.Count > 1 && levels.Count <= few && levels.Count < count && float.IsFinite((float)smallest);
        return isDiscrete ? ((float)smallest, levels.Count > MostLevels ? [] : [.. levels]) : (0, []);
    }
}
