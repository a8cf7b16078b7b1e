namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>Rows and their weights in memory, in blocks, so that growing copies nothing.</summary>
internal sealed class RowStore(int features)
{
    private const int BlockValues = 1 << 22; // 16 MiB

    /// <summary>The most values that are held, those of one array: 8 GiB.</summary>
    public static long MostValues => Array.MaxLength;

    private readonly int _blockRows = Math.Max(1, BlockValues / features);
    private readonly List<float[]> _blocks = [];
    private readonly List<float> _weights = [];

    /// <summary>The number of rows.</summary>
    public int Count => _weights.Count;

    /// <summary>Adds a row.</summary>
    public void Add(ReadOnlySpan<float> row, float weight)
    {
        if (Count % _blockRows == 0)
            _blocks.Add(new float[_blockRows * features]);
        row.CopyTo(_blocks[^1].AsSpan(Count % _blockRows * features));
        _weights.Add(weight);
    }

    /// <summary>Puts a row in the place of another.</summary>
    public void Replace(int index, ReadOnlySpan<float> row, float weight)
    {
        row.CopyTo(_blocks[index / _blockRows].AsSpan(index % _blockRows * features));
        _weights[index] = weight;
    }

    /// <summary>The rows of these indices, row-major, with their weights.</summary>
    /// <exception cref="ArgumentException">They are more than one array takes.</exception>
    public WeightedRows Gather(ReadOnlySpan<int> indices)
    {
        var values = new float[Length(indices.Length, features, "Hold fewer rows: lower ResidentLimit.")];
        var weights = new float[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            Row(indices[i]).CopyTo(values.AsSpan(i * features));
            weights[i] = _weights[indices[i]];
        }
        return new WeightedRows(values, weights, features);
    }

    /// <summary>The number of values of this many rows.</summary>
    /// <exception cref="ArgumentException">One array does not take them; the message ends with <paramref name="remedy"/>.</exception>
    public static int Length(int rows, int features, string remedy)
    {
        long values = (long)rows * features;
        return values <= MostValues
            ? (int)values
            : throw new ArgumentException(
                $"{rows} rows of {features} values are more than the {MostValues} values that one array takes. {remedy}");
    }

    /// <summary>All rows in their order.</summary>
    public WeightedRows All() => Gather([.. Enumerable.Range(0, Count)]);

    private ReadOnlySpan<float> Row(int index) => _blocks[index / _blockRows].AsSpan(index % _blockRows * features, features);
}
