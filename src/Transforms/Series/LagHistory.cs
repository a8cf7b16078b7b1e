namespace RealNvp.ML.Transforms.Series;

/// <summary>The last rows of one group.</summary>
/// <param name="depth">How many.</param>
/// <param name="width">Values per row.</param>
internal sealed class LagHistory(int depth, int width)
{
    private float[] _rows = []; // a ring of depth rows once there are so many: most groups of many are short

    /// <summary>The rows of the group so far.</summary>
    public long Count { get; private set; }

    /// <summary>Whether there are as many rows as are asked for.</summary>
    public bool IsFull => Count >= depth;

    /// <summary>Copies the row this many rows before the next one, or NaN where there is none.</summary>
    public void Copy(int lag, Span<float> target)
    {
        if (lag > Count)
            target.Fill(float.NaN);
        else
            _rows.AsSpan((int)((Count - lag) % depth) * width, width).CopyTo(target);
    }

    /// <summary>Takes the current row, which is now the one before.</summary>
    public void Add(ReadOnlySpan<float> row)
    {
        int at = (int)(Count % depth) * width;
        if (at + width > _rows.Length)
            Array.Resize(ref _rows, Math.Min(Math.Max(2 * _rows.Length, width), depth * width));
        row.CopyTo(_rows.AsSpan(at));
        Count++;
    }
}
