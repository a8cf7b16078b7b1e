namespace RealNvp.ML.Trainers.Training;

/// <summary>Mean, standard deviation and median per column, with a floor for columns that do not vary.</summary>
internal static class ColumnStatistics
{
    /// <summary>The share of a column's magnitude below which its standard deviation counts as rounding noise: a few units in the last place of float32.</summary>
    private const double ConstantShare = 1e-6;

    /// <summary>Statistics of rows [n, features], row-major. A constant column's standard deviation is 1.</summary>
    public static (float[] Mean, float[] StandardDeviation) Compute(ReadOnlySpan<float> rows, int features)
    {
        int count = rows.Length / features;
        var mean = new double[features];
        var squares = new double[features];
        for (int i = 0; i < rows.Length; i++)
            mean[i % features] += rows[i];
        for (int j = 0; j < features; j++)
            mean[j] /= count;
        for (int i = 0; i < rows.Length; i++)
        {
            double difference = rows[i] - mean[i % features];
            squares[i % features] += difference * difference;
        }
        var deviation = new float[features];
        for (int j = 0; j < features; j++)
        {
            double value = Math.Sqrt(squares[j] / count);
            deviation[j] = value > ConstantShare * Math.Abs(mean[j]) && (float)value > 0 && float.IsFinite((float)value) ? (float)value : 1;
        }
        return (Array.ConvertAll(mean, value => (float)value), deviation);
    }

    /// <summary>The median of each column of rows [n, features]: of an even number the lower middle one, so that it is a value that occurs.</summary>
    public static float[] Medians(ReadOnlySpan<float> rows, int features)
    {
        int count = rows.Length / features;
        var column = new float[count];
        var medians = new float[features];
        for (int j = 0; j < features; j++)
        {
            for (int i = 0; i < count; i++)
                column[i] = rows[i * features + j];
            Array.Sort(column);
            medians[j] = column[(count - 1) / 2];
        }
        return medians;
    }
}
