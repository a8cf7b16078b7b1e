namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>
/// One row of each sampling key, any of them with the same chance. Rows of one key are not independent, and a threshold that counted them
/// all as if they were would not hold for rows of new keys (Dunn, Wasserman and Ramdas 2022, "Distribution-free prediction sets for
/// two-layer hierarchical models": subsampling once).
/// </summary>
internal sealed class OneOfEachKey(int features, int seed)
{
    private readonly RowStore _rows = new(features);
    private readonly Dictionary<ulong, (int Slot, long Seen)> _keys = [];
    private readonly Random _random = new(seed);

    /// <summary>Shows a row.</summary>
    public void Offer(ulong key, ReadOnlySpan<float> row, float weight)
    {
        if (!_keys.TryGetValue(key, out (int Slot, long Seen) known))
        {
            _keys.Add(key, (_rows.Count, 1));
            _rows.Add(row, weight);
            return;
        }
        _keys[key] = (known.Slot, known.Seen + 1);
        if (_random.NextInt64(known.Seen + 1) == 0)
            _rows.Replace(known.Slot, row, weight);
    }

    /// <summary>The rows that were kept.</summary>
    public WeightedRows Sample() => _rows.All();
}
