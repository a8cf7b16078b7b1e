using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>A uniform random sample, of at most this many rows, of rows that pass by.</summary>
internal sealed class Reservoir
{
    private readonly RowStore _rows;
    private readonly Random _random;
    private readonly ReservoirPlaces _places;

    public Reservoir(int features, int capacity, int seed)
    {
        (_rows, _random) = (new(features), new(seed));
        _places = new(capacity, _random);
    }

    /// <summary>Shows a row.</summary>
    public void Offer(ReadOnlySpan<float> row, float weight)
    {
        if (_places.Next() is not { } place)
            return;
        if (place == _rows.Count)
            _rows.Add(row, weight);
        else
            _rows.Replace(place, row, weight);
    }

    /// <summary>What was kept, in random order.</summary>
    public WeightedRows Sample()
    {
        int[] order = [.. Enumerable.Range(0, _rows.Count)];
        _random.Shuffle(order);
        return _rows.Gather(order);
    }
}
