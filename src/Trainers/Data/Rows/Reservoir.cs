namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>A uniform random sample, of at most so many rows, of rows that pass by (Vitter 1985, algorithm R).</summary>
internal sealed class Reservoir(int features, int capacity, int seed)
{
    private readonly RowStore _rows = new(features);
    private readonly Random _random = new(seed);
    private long _seen;

    /// <summary>Shows a row.</summary>
    public void Offer(ReadOnlySpan<float> row, float weight)
    {
        _seen++;
        if (_rows.Count < capacity)
        {
            _rows.Add(row, weight);
            return;
        }
        long slot = _random.NextInt64(_seen);
        if (slot < capacity)
            _rows.Replace((int)slot, row, weight);
    }

    /// <summary>What was kept, in random order.</summary>
    public WeightedRows Sample()
    {
        int[] order = [.. Enumerable.Range(0, _rows.Count)];
        _random.Shuffle(order);
        return _rows.Gather(order);
    }
}
