using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Alarms;

/// <summary>
/// Benjamini and Hochberg (1995): of m p-values the k smallest are discoveries, k the largest number whose k-th smallest is at most
/// k rate / m. Split-conformal p-values depend on each other through their one calibration slice, in the way that the procedure allows
/// (Bates, Candes, Lei, Romano and Sesia 2023).
/// </summary>
internal static class FalseDiscoveries
{
    /// <summary>What a p-value in float may be above the number that it stands for, as a share of it.</summary>
    private const double Roundings = 1e-6;

    /// <summary>The largest p-value that is a discovery; null where there is none. NaN ones count as rows and are none.</summary>
    public static float? Cut(IEnumerable<float> pValues, double rate)
    {
        // a flow's p-values are multiples of 1 / (n + 1): few different ones, however many rows
        var counts = new SortedDictionary<float, long>();
        long rows = 0, found = 0;
        foreach (float value in pValues)
        {
            rows++;
            if (value is < 0 or > 1)
                throw new ArgumentException($"Row {rows - 1} has a p-value of {value}, expected 0 to 1, or NaN.", nameof(pValues));
            if (!float.IsNaN(value))
                counts[value] = counts.GetValueOrDefault(value) + 1;
        }
        float? cut = null;
        foreach ((float value, long count) in counts)
        {
            found += count;
            if (value <= rate * found / rows * (1 + Roundings)) // 0.001f is above 0.001, and such ties are common
                cut = value;
        }
        return cut;
    }

    /// <summary>The p-values of a view, read once.</summary>
    /// <exception cref="ArgumentException">The column is missing or is no Single.</exception>
    public static IEnumerable<float> PValues(IDataView scored, string columnName)
        => scored.GetColumn<float>(InputColumn.FindSingle(scored.Schema, columnName, "p-values of rows that a flow has scored, a Single"));
}
