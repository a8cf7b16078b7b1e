using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// Weighted mean and standard deviation per column, row by row (West 1979), with a floor for columns that do not vary. NaN stands for what
/// is not known, and counts for nothing.
/// </summary>
internal sealed class ColumnStatistics(int features)
{
    /// <summary>
    /// The share of a column's magnitude below which its standard deviation counts as rounding noise: a few units in the last place of
    /// float32.
    /// </summary>
    private const double ConstantShare = 1e-6;

    /// <summary>Below it float32 loses digits, and not far below the inverse is infinite.</summary>
    private const double SmallestNormal = 1.1754943508222875e-38;

    private readonly double[] _mean = new double[features];
    private readonly double[] _squares = new double[features]; // weighted sums of squared differences from the mean
    private readonly double[] _weights = new double[features]; // of the values of each column

    /// <summary>The statistics of rows in memory.</summary>
    public static ColumnStatistics Of(WeightedRows rows)
    {
        var statistics = new ColumnStatistics(rows.Features);
        for (int i = 0; i < rows.Count; i++)
            statistics.Add(rows.Values.AsSpan(i * rows.Features, rows.Features), rows.Weights[i]);
        return statistics;
    }

    /// <summary>Those of the columns from one on.</summary>
    public ColumnStatistics From(int column)
    {
        var others = new ColumnStatistics(_mean.Length - column);
        Array.Copy(_mean, column, others._mean, 0, others._mean.Length);
        Array.Copy(_squares, column, others._squares, 0, others._mean.Length);
        Array.Copy(_weights, column, others._weights, 0, others._mean.Length);
        return others;
    }

    /// <summary>Counts a row.</summary>
    public void Add(ReadOnlySpan<float> row, float weight)
    {
        for (int j = 0; j < row.Length; j++)
        {
            if (float.IsNaN(row[j]))
                continue;
            double share = weight / (_weights[j] += weight);
            double difference = row[j] - _mean[j];
            _mean[j] += share * difference;
            _squares[j] += weight * difference * (row[j] - _mean[j]);
        }
    }

    /// <summary>The statistics of the rows so far.</summary>
    public (double[] Mean, double[] StandardDeviation) Result()
        => ([.. _mean], [.. _squares.Select((sum, j) => Math.Sqrt(sum / _weights[j]))]);

    /// <summary>
    /// Whether a column of this centre and scale varies by more than rounding, and by enough that float32 has a normal number for the scale
    /// and one for its inverse. A column that does not counts as constant: its scale is 1.
    /// </summary>
    public static bool Varies(double center, double scale)
        => scale > ConstantShare * Math.Abs(center) && scale >= SmallestNormal && float.IsFinite((float)scale);

    /// <summary>The scale in float32, where need be the next that has an inverse there.</summary>
    public static float Held(double scale) => (float)Math.Clamp(scale, SmallestNormal, 1 / SmallestNormal);

    /// <summary>
    /// The median of each column of rows [n, features]: of an even number the lower middle one, so that it is a value that occurs.
    /// </summary>
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
