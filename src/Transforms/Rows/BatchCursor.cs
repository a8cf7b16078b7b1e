using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Reads ahead on one upstream cursor, keeps the columns that pass through, and computes a whole batch at the first read of an added column. One cursor
/// only: a second one beside it would see other rows where the source does not repeat itself, and would decode images twice.
/// </summary>
internal sealed class BatchCursor : DataViewRowCursor, IBatchPosition
{
    /// <summary>The first batches are small, so that a reader of a few rows does not wait for many.</summary>
    private const int FirstBatch = 16;

    private readonly DataViewRowCursor _source;
    private readonly ActiveColumns _columns;
    private readonly BatchWorker _worker;
    private readonly FeatureReader _features;
    private readonly ColumnBuffer?[] _buffers; // by column index
    private readonly ColumnBuffer[] _passed;
    private readonly ValueGetter<DataViewRowId> _idGetter;
    private readonly DataViewRowId[] _ids;
    private readonly long[] _positions;
    private readonly long[] _batches;
    private readonly int _capacity;
    private int _limit;
    private int _row = -1;
    private int _count;
    private bool _computed;
    private bool _ended;
    private bool _disposed;

    /// <summary>A cursor over <paramref name="source"/>, which it owns from now on.</summary>
    public BatchCursor(BatchMap map, ActiveColumns columns, DataViewRowCursor source)
    {
        _source = source;
        _columns = columns;
        _capacity = map.BatchSize;
        _limit = Math.Min(FirstBatch, _capacity);
        _worker = map.CreateWorker(_capacity, columns.Added);
        _features = new FeatureReader(source, columns.Feature, map.InputSize, _worker.Input);
        _buffers = new ColumnBuffer?[columns.Output.Count];
        foreach (DataViewSchema.Column column in columns.PassedThrough.Where(column => column.Index != columns.Feature.Index))
            _buffers[column.Index] = ColumnBuffer.Create(source, column, _capacity);
        _passed = [.. _buffers.OfType<ColumnBuffer>()];
        _idGetter = source.GetIdGetter();
        _ids = new DataViewRowId[_capacity];
        _positions = new long[_capacity];
        _batches = new long[_capacity];
    }

    /// <summary>The row of the batch where the cursor stands.</summary>
    public int Row => _row >= 0 ? _row : throw new InvalidOperationException("The cursor stands on no row: call MoveNext first.");

    /// <inheritdoc/>
    public override DataViewSchema Schema => _columns.Output;

    /// <inheritdoc/>
    public override long Position => _row < 0 ? -1 : _positions[_row];

    /// <inheritdoc/>
    public override long Batch => _row < 0 ? 0 : _batches[_row];

    /// <inheritdoc/>
    public override bool MoveNext()
    {
        if (_row + 1 < _count)
        {
            _row++;
            return true;
        }
        if (!_ended && ReadAhead())
        {
            _row = 0;
            return true;
        }
        (_row, _count) = (-1, 0);
        return false;
    }

    /// <inheritdoc/>
    public int Computed()
    {
        if (!_computed)
        {
            _ = Row;
            _worker.Run(_count);
            _computed = true;
        }
        return Row;
    }

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        _columns.Require(column);
        Delegate getter = !_columns.IsPassedThrough(column, out _) ? _worker.CreateGetter(_columns.AddedIndex(column), this)
            : column.Index == _columns.Feature.Index ? _features.CreateGetter(this)
            : _buffers[column.Index]!.CreateGetter(this);
        return ActiveColumns.Cast<TValue>(getter, column);
    }

    /// <inheritdoc/>
    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _ids[Row];

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            _disposed = true;
            _ended = true;
            (_row, _count) = (-1, 0);
            _worker.Dispose();
            _source.Dispose();
        }
        base.Dispose(disposing);
    }

    private bool ReadAhead()
    {
        // until the batch is whole the cursor stands nowhere: an exception from the source leaves no half of one behind
        (_row, _count, _computed) = (-1, 0, false);
        int count = 0;
        while (count < _limit)
        {
            if (!_source.MoveNext())
            {
                _ended = true;
                break;
            }
            _positions[count] = _source.Position;
            _batches[count] = _source.Batch;
            _idGetter(ref _ids[count]);
            _features.Take(count);
            foreach (ColumnBuffer buffer in _passed)
                buffer.Take(count);
            count++;
        }
        _count = count;
        _limit = Math.Min(4 * _limit, _capacity);
        return count > 0;
    }
}
