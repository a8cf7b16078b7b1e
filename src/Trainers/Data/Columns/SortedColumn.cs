using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// The values of one column in ascending order, with the weights of their rows: what quantiles are read from. Without NaN, which stands for
/// what is not known.
/// </summary>
internal sealed class SortedColumn
{
    private readonly float[] _values;
    private readonly float[]? _weights; // null where all are alike
    private readonly double _total;

    /// <summary>Column <paramref name="column"/> of rows.</summary>
    public SortedColumn(WeightedRows rows, int column)
    {
        _values = new float[rows.Count];
        for (int i = 0; i < _values.Length; i++)
            _values[i] = rows.Values[i * rows.Features + column];
        float[] weights = rows.Weights;
        if (Array.Exists(_values, float.IsNaN))
        {
            weights = [.. weights.Where((_, i) => !float.IsNaN(_values[i]))];
            _values = [.. _values.Where(value => !float.IsNaN(value))];
        }
        if (Array.TrueForAll(weights, weight => weight == weights[0]))
        {
            Array.Sort(_values);
            _total = _values.Length;
            return;
        }
        _weights = (float[])weights.Clone();
        Array.Sort(_values, _weights);
        _total = _weights.Sum(weight => (double)weight);
    }

    /// <summary>The values, ascending.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The smallest value that at least this share of the weight does not exceed: one that occurs.</summary>
    public float Quantile(double share) => _values[Rank(share * _total)];

    /// <summary>The share of the weight on values that fulfil a condition.</summary>
    public double Share(Predicate<float> condition)
    {
        double sum = 0;
        for (int i = 0; i < _values.Length; i++)
            sum += condition(_values[i]) ? Weight(i) : 0;
        return sum / _total;
    }

    /// <summary>
    /// A scale that at most a quarter of the rows on either side cannot move: quartiles, as a standard deviation where the values are
    /// normal. Where one value fills more than half of the rows, as zeros do in counts, the quartiles say nothing: the typical distance of
    /// the others from it does.
    /// </summary>
    public double QuartileScale()
    {
        float median = Quantile(0.5);
        double others = Share(value => value != median);
        if (others >= 0.5)
            return ((double)Quantile(0.75) - Quantile(0.25)) / NormalQuartiles;
        if (others == 0)
            return 0;
        (float[] distances, float[] weights) = ([.. _values], _weights ?? [.. _values.Select(_ => 1f)]);
        weights = [.. weights]; // sorted beside the distances
        for (int i = 0; i < distances.Length; i++)
            distances[i] = (float)Math.Min(Math.Abs((double)distances[i] - median), float.MaxValue);
        Array.Sort(distances, weights);
        double rest = (1 - others / 2) * _total, sum = 0; // those of distance 0 come first
        int at = 0;
        while (at < distances.Length - 1 && (sum += weights[at]) < rest)
            at++;
        return distances[at] * Math.Sqrt(others);
    }

    /// <summary>The distance of a normal's quartiles, in standard deviations.</summary>
    private const double NormalQuartiles = 1.349;

    private int Rank(double weight)
    {
        if (_weights is null)
            return Math.Clamp((int)Math.Ceiling(weight) - 1, 0, _values.Length - 1);
        double sum = 0;
        int at = 0;
        while (at < _values.Length - 1 && (sum += _weights[at]) < weight)
            at++;
        return at;
    }

    private double Weight(int row) => _weights is null ? 1 : _weights[row];
}
