using Microsoft.ML;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// A data view with a map's columns added: lazy, enumerable many times and by many threads, and shuffled as its source can be.
/// </summary>
internal sealed class RowView(RowMap map, IDataView source) : IDataView
{
    private readonly DataViewSchema.Column[] _inputs = map.FindInputs(source.Schema);

    /// <inheritdoc/>
    public DataViewSchema Schema { get; } = map.OutputSchema(source.Schema);

    /// <inheritdoc/>
    public bool CanShuffle => source.CanShuffle;

    /// <inheritdoc/>
    public long? GetRowCount() => source.GetRowCount();

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        ActiveColumns columns = Ask(columnsNeeded);
        return Wrap(columns, source.GetRowCursor(columns.Upstream, rand));
    }

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        ActiveColumns columns = Ask(columnsNeeded);
        return Array.ConvertAll(source.GetRowCursorSet(columns.Upstream, n, rand), cursor => Wrap(columns, cursor));
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columnsNeeded) => new(source.Schema, Schema, _inputs, columnsNeeded);

    private DataViewRowCursor Wrap(ActiveColumns columns, DataViewRowCursor cursor)
    {
        try
        {
            return columns.AnyAdded && map.Batches is { } plan
                ? new BatchCursor(map, plan, columns, cursor)
                : new InPlaceCursor(map, columns, cursor);
        }
        catch
        {
            cursor.Dispose();
            throw;
        }
    }
}
