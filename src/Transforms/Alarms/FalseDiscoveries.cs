using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Alarms;

/// <summary>
/// Benjamini and Hochberg (1995): of m p-values the k smallest are discoveries, k the largest number whose k-th smallest is at most
/// k rate / m. Split-conformal p-values depend on each other through their one calibration slice, in the way that the procedure allows
/// (Bates, Candes, Lei, Romano and Sesia 2023).
/// </summary>
internal static class FalseDiscoveries
{
    /// <summary>The largest p-value that is a discovery; negative where there is none. NaN ones count as rows and are none.</summary>
    public static float Cut(IEnumerable<float> pValues, double rate)
    {
        // a flow's p-values are multiples of 1 / (n + 1): few different ones, however many rows
        var counts = new SortedDictionary<float, long>();
        long rows = 0, found = 0;
        foreach (float value in pValues)
        {
            rows++;
            if (!float.IsNaN(value))
                counts[value] = counts.GetValueOrDefault(value) + 1;
        }
        float cut = -1;
        foreach ((float value, long count) in counts)
        {
            found += count;
            if (value <= rate * found / rows)
                cut = value;
        }
        return cut;
    }

    /// <summary>The p-values of a view, read once.</summary>
    /// <exception cref="ArgumentException">The column is missing or is no Single.</exception>
    public static IEnumerable<float> PValues(IDataView scored, string columnName)
    {
        DataViewSchema.Column column = scored.Schema.GetColumnOrNull(columnName) ?? throw new ArgumentException(
            $"The column '{columnName}' of p-values is missing: score the rows with a flow first, or name the column.", nameof(scored));
        if (column.Type != NumberDataViewType.Single)
            throw new ArgumentException($"The column '{columnName}' of p-values is {column.Type}, expected Single.", nameof(scored));
        return scored.GetColumn<float>(column);
    }
}
