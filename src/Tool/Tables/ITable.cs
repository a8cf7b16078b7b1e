namespace RealNvp.ML.Tool.Tables;

/// <summary>Rows in named columns, read in order, block by block.</summary>
internal interface ITable : IDisposable
{
    /// <summary>Rows per block where the format has no blocks of its own; also what a shard of one file is made of.</summary>
    const int RowsPerBlock = 1 << 14;

    /// <summary>How messages name it.</summary>
    string Name { get; }

    /// <summary>The names of the columns.</summary>
    IReadOnlyList<string> Columns { get; }

    /// <summary>What a column holds; null where only the cells tell.</summary>
    CellKind? KindOf(int column);

    /// <summary>How cells of text write numbers.</summary>
    CellNumbers Numbers => CellNumbers.Plain;

    /// <summary>How many blocks there are; reads the table through where nothing tells.</summary>
    int CountBlocks();

    /// <summary>Reads rows.</summary>
    /// <param name="wanted">The columns that are read, in the order in which blocks give them.</param>
    /// <param name="kept">What of each row is carried along as it is.</param>
    /// <param name="blocks">Which blocks.</param>
    /// <exception cref="Running.ToolException">A cell is not what it must be, or a row has too many or too few.</exception>
    IEnumerable<Block> Read(IReadOnlyList<Wanted> wanted, Kept kept, Range blocks);
}

/// <summary>Which cells of a row are carried to the output as they are.</summary>
/// <param name="Columns">The columns, in order.</param>
/// <param name="WholeRow">Whether these are all of them, so that a row can be copied.</param>
internal sealed record Kept(IReadOnlyList<int> Columns, bool WholeRow)
{
    /// <summary>Nothing.</summary>
    public static Kept None { get; } = new([], WholeRow: false);

    /// <summary>All columns of a table but some.</summary>
    public static Kept AllBut(ITable table, IEnumerable<string> names)
    {
        int[] columns = [.. Enumerable.Range(0, table.Columns.Count).Where(i => !names.Contains(table.Columns[i], StringComparer.Ordinal))];
        return new(columns, columns.Length == table.Columns.Count);
    }
}
