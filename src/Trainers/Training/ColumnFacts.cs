namespace RealNvp.ML.Trainers.Training;

/// <summary>What the training slice says of each column before any training.</summary>
/// <param name="Mean">Means.</param>
/// <param name="StandardDeviation">Standard deviations, with a floor for constant columns.</param>
/// <param name="Median">Medians.</param>
/// <param name="BinWidths">The width of one bin of discrete columns, 0 for others.</param>
internal sealed record ColumnFacts(float[] Mean, float[] StandardDeviation, float[] Median, float[] BinWidths)
{
    /// <summary>The facts of rows [n, features], row-major.</summary>
    public static ColumnFacts Of(ReadOnlySpan<float> rows, int features, bool dequantize)
    {
        (float[] mean, float[] deviation) = ColumnStatistics.Compute(rows, features);
        return new(mean, deviation, ColumnStatistics.Medians(rows, features), dequantize ? DiscreteColumns.Widths(rows, features) : new float[features]);
    }
}
