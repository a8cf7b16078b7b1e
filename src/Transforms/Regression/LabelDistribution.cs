using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>
/// The distribution of one label of one row, by its values at known places. A place is named by z: the probability below it is that below z
/// under the standard normal distribution. Between its nodes, and beyond the outermost two, a distribution goes along straight lines of
/// value over z; it may be the equal mixture of several such.
/// </summary>
internal readonly ref struct LabelDistribution
{
    /// <summary>Halvings that bring a value of float32 to its last place from any bracket that occurs.</summary>
    private const int Halvings = 60;

    private readonly ReadOnlySpan<float> _values; // ascending for each member
    private readonly ReadOnlySpan<double> _z;

    /// <summary>A distribution.</summary>
    /// <param name="values">For each member in turn its values at the nodes, ascending.</param>
    /// <param name="z">The nodes, ascending.</param>
    public LabelDistribution(ReadOnlySpan<float> values, ReadOnlySpan<double> z)
    {
        _values = values;
        _z = z;
    }

    private int Members => _values.Length / _z.Length;

    /// <summary>The mean over the nodes by their weights, which sum to 1.</summary>
    public double Mean(ReadOnlySpan<double> weights)
    {
        double sum = 0;
        for (int i = 0; i < _values.Length; i++)
            sum += weights[i % weights.Length] * _values[i];
        return sum / Members;
    }

    /// <summary>The value at z: a quantile. z may be infinite, as the value then is.</summary>
    public double Quantile(double z)
    {
        if (double.IsInfinity(z) && !float.IsNaN(_values[0]))
            return z;
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        for (int member = 0; member < Members; member++)
        {
            double value = Value(Of(member), z);
            if (double.IsNaN(value))
                return double.NaN;
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }
        // at the lowest of the members' values the mixture is at z or below, at the highest at z or above
        for (int i = 0; i < Halvings && low < high; i++)
        {
            double middle = low + (high - low) / 2;
            if (middle <= low || middle >= high)
                break;
            if (Place(middle) < z) low = middle;
            else high = middle;
        }
        return low + (high - low) / 2;
    }

    /// <summary>The z of a value: where in the distribution it stands.</summary>
    public double Place(double value)
    {
        if (Members == 1)
            return Place(_values, value);
        double above = 0, below = 0;
        for (int member = 0; member < Members; member++)
        {
            double z = Place(Of(member), value);
            above += NormalDistribution.Upper(z);
            below += NormalDistribution.Upper(-z);
        }
        (above, below) = (above / Members, below / Members);
        return above < below ? NormalDistribution.InverseUpper(above) : -NormalDistribution.InverseUpper(below);
    }

    private ReadOnlySpan<float> Of(int member) => _values.Slice(member * _z.Length, _z.Length);

    private double Value(ReadOnlySpan<float> values, double z)
    {
        int after = _z.BinarySearch(z);
        if (after >= 0)
            return values[after];
        int i = Math.Clamp(~after, 1, _z.Length - 1);
        return values[i - 1] + (z - _z[i - 1]) / (_z[i] - _z[i - 1]) * ((double)values[i] - values[i - 1]);
    }

    private double Place(ReadOnlySpan<float> values, double value)
    {
        if (double.IsNaN(value) || float.IsNaN(values[0]))
            return double.NaN;
        int low = Calibration.FirstAtOrAbove(values, value);
        if (low < values.Length && values[low] == value)
            return _z[low];
        int i = Math.Clamp(low, 1, values.Length - 1);
        double rise = (double)values[i] - values[i - 1];
        return rise > 0 ? _z[i - 1] + (value - values[i - 1]) / rise * (_z[i] - _z[i - 1])
            : value < values[i] ? -NormalDistribution.Farthest : NormalDistribution.Farthest; // outside, where nodes fall together
    }
}
