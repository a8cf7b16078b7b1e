namespace RealNvp.ML.Trainers.Data;

/// <summary>Finds the features whose values come from a grid: few different values for the number of rows.</summary>
internal static class DiscreteColumns
{
    private const int AlwaysFew = 20;
    private const double FewShare = 0.05;

    /// <summary>Values nearer than this share of a column's range count as one: rounding of float32.</summary>
    private const double SameShare = 1e-6;

    /// <summary>The width of one bin, the smallest gap between values, per feature of rows [n, features]; 0 for continuous and constant features.</summary>
    public static float[] Widths(ReadOnlySpan<float> rows, int features)
    {
        int count = rows.Length / features;
        double few = Math.Max(AlwaysFew, FewShare * count);
        var column = new float[count];
        var widths = new float[features];
        for (int j = 0; j < features; j++)
        {
            for (int i = 0; i < count; i++)
                column[i] = rows[i * features + j];
            Array.Sort(column);
            double same = SameShare * ((double)column[^1] - column[0]), smallest = double.PositiveInfinity;
            int distinct = 1;
            for (int i = 1; i < count; i++)
            {
                double gap = (double)column[i] - column[i - 1];
                if (gap <= same)
                    continue;
                distinct++;
                smallest = Math.Min(smallest, gap);
            }
            if (distinct > 1 && distinct <= few && distinct < count && float.IsFinite((float)smallest))
                widths[j] = (float)smallest;
        }
        return widths;
    }
}
