using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Reads ahead on one upstream cursor, batch by batch. One cursor only: a second one beside it would see other rows where the source does
/// not repeat itself, and would decode images twice.
/// </summary>
internal sealed class BatchCursor : DataViewRowCursor
{
    private readonly DataViewRowCursor _source;
    private readonly ActiveColumns _columns;
    private readonly RowBatch _batch; // the only one: whoever computes several at once keeps several here, and getters ask the current one
    private readonly int _capacity;
    private int _limit;
    private bool _ended;
    private bool _disposed;

    /// <summary>A cursor over <paramref name="source"/>, which it owns from now on.</summary>
    public BatchCursor(RowMap map, int capacity, ActiveColumns columns, DataViewRowCursor source)
    {
        _source = source;
        _columns = columns;
        _capacity = capacity;
        _limit = Math.Min(map.FirstBatch, capacity);
        _batch = new RowBatch(map, capacity, columns, source);
    }

    /// <inheritdoc/>
    public override DataViewSchema Schema => _columns.Output;

    /// <inheritdoc/>
    public override long Position => _batch.Position;

    /// <inheritdoc/>
    public override long Batch => _batch.SourceBatch;

    /// <inheritdoc/>
    public override bool MoveNext()
    {
        if (_batch.MoveNext())
            return true;
        if (_ended)
            return false;
        _ended = !_batch.Read(_limit);
        _limit = Math.Min(4 * _limit, _capacity);
        return _batch.MoveNext();
    }

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        _columns.Require(column);
        return ActiveColumns.Cast<TValue>(_batch.CreateGetter(column), column);
    }

    /// <inheritdoc/>
    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _batch.Id;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            (_disposed, _ended) = (true, true);
            _batch.Dispose();
            _source.Dispose();
        }
        base.Dispose(disposing);
    }
}
