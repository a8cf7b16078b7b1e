using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>Several files with the same columns, one after the other.</summary>
internal sealed class JoinedTable : ITable
{
    private readonly IReadOnlyList<ITable> _tables;

    /// <exception cref="ToolException">A file lacks a column of the first one.</exception>
    public JoinedTable(IReadOnlyList<ITable> tables)
    {
        _tables = tables;
        foreach (ITable table in tables)
        {
            if (Columns.Except(table.Columns, StringComparer.Ordinal).FirstOrDefault() is { } missing)
                throw new ToolException($"{table.Name} has no column '{missing}', which {Name} has.");
        }
    }

    public string Name => _tables[0].Name;

    public IReadOnlyList<string> Columns => _tables[0].Columns;

    public CellKind? KindOf(int column) => _tables[0].KindOf(column);

    public CellNumbers Numbers => _tables[0].Numbers;

    public int CountBlocks() => _tables.Sum(table => table.CountBlocks());

    public IEnumerable<Block> Read(IReadOnlyList<Wanted> wanted, Kept kept, Range blocks)
        => _tables.SelectMany(table => table.Read([.. wanted.Select(column => column with { Column = In(table, column.Column) })],
            kept with { Columns = [.. kept.Columns.Select(column => In(table, column))] }, Range.All)).Take(blocks);

    public void Dispose()
    {
        foreach (ITable table in _tables)
            table.Dispose();
    }

    private int In(ITable table, int column) => table.Columns.IndexOf(Columns[column]);
}
