namespace RealNvp.ML.Trainers.Training;

/// <summary>The median of the last values: what is typical, whatever one of them is.</summary>
internal sealed class RunningMedian(int window)
{
    private readonly Queue<double> _values = new();

    /// <summary>Takes a value; the median, or -infinity until the window is full.</summary>
    public double Add(double value)
    {
        _values.Enqueue(value);
        if (_values.Count > window)
            _values.Dequeue();
        return _values.Count < window ? double.NegativeInfinity : _values.Order().ElementAt(window / 2);
    }

    /// <summary>The last values, the oldest first.</summary>
    public IEnumerable<double> Values => _values;

    /// <summary>Forgets all values.</summary>
    public void Clear() => _values.Clear();
}
