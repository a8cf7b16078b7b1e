namespace RealNvp.ML.Bench.Anomaly;

/// <summary>
/// Traits of a set's training rows that make a likelihood rank badly: a density over discrete or repeated rows has no honest height.
/// </summary>
/// <param name="Rows">All rows of the set.</param>
/// <param name="Training">Training rows of the first split.</param>
/// <param name="Features">The length of a row.</param>
/// <param name="Constant">Columns with one value in training.</param>
/// <param name="Discrete">Share of the other columns that have at most 20 values, or one per 20 rows.</param>
/// <param name="Duplicate">Share of training rows that equal another, earlier one.</param>
internal sealed record Diagnosis(int Rows, int Training, int Features, int Constant, double Discrete, double Duplicate)
{
    /// <summary>Examines the training rows of a split.</summary>
    public static Diagnosis Of(DataSet data, Split split)
    {
        float[][] rows = data.Gather(split.Train);
        int[] distinct = [.. Enumerable.Range(0, data.Features).Select(column => rows.Select(row => row[column]).Distinct().Count())];
        int constant = distinct.Count(values => values <= 1), few = Math.Max(20, rows.Length / 20);
        return new Diagnosis(data.Rows, rows.Length, data.Features, constant,
            (double)distinct.Count(values => values > 1 && values <= few) / Math.Max(1, data.Features - constant),
            1 - (double)rows.Distinct(RowComparer.Instance).Count() / Math.Max(1, rows.Length));
    }

    private sealed class RowComparer : IEqualityComparer<float[]>
    {
        public static readonly RowComparer Instance = new();

        public bool Equals(float[]? x, float[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(float[] row)
        {
            var hash = new HashCode();
            foreach (float value in row)
                hash.Add(value);
            return hash.ToHashCode();
        }
    }
}
