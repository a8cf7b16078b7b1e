namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// In how large batches a cursor reads. Sizes grow by four from the first to the most, so that a reader of a few rows does not wait for
/// many, and depend on nothing else: the same rows always stand in the same batches.
/// </summary>
/// <param name="First">Rows of the first batch.</param>
/// <param name="Usual">Rows per batch that are read wherever rows are long, and held from the start.</param>
/// <param name="Most">Rows per batch where a reader goes on, as far as memory allows.</param>
/// <param name="SideBySide">Whether several batches may be computed at once on idle cores.</param>
internal sealed record BatchPlan(int First, int Usual, int Most, bool SideBySide)
{
    /// <summary>Values of columns in a batch that grows beyond the usual size: 4 MiB.</summary>
    private const int MaxBatchValues = 1 << 20;

    /// <summary>Values of columns in all batches that wait: 64 MiB.</summary>
    private const int MaxAheadValues = 1 << 24;

    /// <summary>Rows per batch for rows of this many values.</summary>
    public int MostRows(long valuesPerRow) => (int)Math.Clamp(MaxBatchValues / valuesPerRow, Usual, Math.Max(Usual, Most));

    /// <summary>Batches that may be read ahead: twice as many as cores, fewer where rows are long.</summary>
    public int MostAhead(long valuesPerRow) => !SideBySide || RealNvpCores.Max == 1 ? 0
        : (int)Math.Clamp(MaxAheadValues / (valuesPerRow * MostRows(valuesPerRow)), 1, 2L * RealNvpCores.Max);
}
