namespace RealNvp.ML.Trainers.Data;

/// <summary>What the training slice says of each column before any training.</summary>
/// <param name="Mean">Means.</param>
/// <param name="StandardDeviation">Standard deviations, with a floor for constant columns.</param>
/// <param name="Median">Medians.</param>
/// <param name="BinWidths">The width of one bin of discrete columns, 0 for others.</param>
internal sealed record ColumnFacts(float[] Mean, float[] StandardDeviation, float[] Median, float[] BinWidths)
{
    /// <summary>More images than this add nothing to what is known of a pixel.</summary>
    private const int ImagesForMedians = 4096;

    /// <summary>The facts of a table's rows, whose means and deviations may come from more rows than these.</summary>
    public static ColumnFacts OfTable(WeightedRows rows, bool dequantize, ColumnStatistics? statistics = null)
    {
        (float[] mean, float[] deviation) = (statistics ?? ColumnStatistics.Of(rows)).Result();
        return new(mean, deviation, ColumnStatistics.Medians(rows.Values, rows.Features), dequantize ? DiscreteColumns.Widths(rows.Values, rows.Features) : new float[rows.Features]);
    }

    /// <summary>The facts of images whose every value has levels of one width.</summary>
    public static ColumnFacts OfImages(WeightedRows rows, float levelWidth)
    {
        int features = rows.Features;
        var widths = new float[features];
        Array.Fill(widths, levelWidth);
        float[] medians = ColumnStatistics.Medians(rows.Values.AsSpan(0, Math.Min(rows.Count, ImagesForMedians) * features), features);
        return new(new float[features], Array.ConvertAll(widths, _ => 1f), medians, widths);
    }
}
