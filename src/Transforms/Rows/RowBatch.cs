using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// One batch of rows that were read ahead: the columns that pass through, the inputs and what is computed from them, all in memory of its
/// own. Computed as a whole at the first read of an added column.
/// </summary>
internal sealed class RowBatch : IBatchPosition, IDisposable
{
    private readonly DataViewRowCursor _source;
    private readonly ActiveColumns _columns;
    private readonly BatchWorker _worker;
    private readonly ColumnBuffer?[] _buffers; // by column index; none for inputs, which the worker holds
    private readonly ColumnBuffer[] _passed;
    private readonly ValueGetter<DataViewRowId> _idGetter;
    private readonly DataViewRowId[] _ids;
    private readonly long[] _positions;
    private readonly long[] _batches;
    private int _row = -1;
    private int _count;
    private bool _computed;

    /// <summary>An empty batch for rows of <paramref name="source"/>, which stays its cursor's.</summary>
    public RowBatch(RowMap map, int capacity, ActiveColumns columns, DataViewRowCursor source)
    {
        _source = source;
        _columns = columns;
        _worker = map.CreateWorker(capacity, columns.Added);
        _worker.Open(source, columns.Inputs);
        _buffers = new ColumnBuffer?[columns.Output.Count];
        foreach (DataViewSchema.Column column in columns.PassedThrough.Where(column => columns.InputIndex(column) < 0))
            _buffers[column.Index] = ColumnBuffer.Create(source, column, capacity);
        _passed = [.. _buffers.OfType<ColumnBuffer>()];
        _idGetter = source.GetIdGetter();
        _ids = new DataViewRowId[capacity];
        _positions = new long[capacity];
        _batches = new long[capacity];
    }

    /// <inheritdoc/>
    public int Row => _row >= 0 ? _row : throw new InvalidOperationException("The cursor stands on no row: call MoveNext first.");

    /// <summary>The id of the current row.</summary>
    public DataViewRowId Id => _ids[Row];

    /// <summary>The position of the current row in its source, -1 where there is none.</summary>
    public long Position => _row < 0 ? -1 : _positions[_row];

    /// <summary>The source's own batch that the current row is of.</summary>
    public long SourceBatch => _row < 0 ? 0 : _batches[_row];

    /// <summary>Reads the next rows of the source in place of those that are here, and stands before the first of them.</summary>
    /// <returns>Whether there were as many as asked for: otherwise the source has ended.</returns>
    public bool Read(int most)
    {
        // until the batch is whole it is empty: an exception from the source leaves no half of one
        Clear();
        int count = 0;
        while (count < most && _source.MoveNext())
        {
            _positions[count] = _source.Position;
            _batches[count] = _source.Batch;
            _idGetter(ref _ids[count]);
            _worker.Take(count, _ids[count]);
            foreach (ColumnBuffer buffer in _passed)
                buffer.Take(count);
            count++;
        }
        _count = count;
        return count == most;
    }

    /// <summary>Goes on to the next row of the batch; after the last one the batch is empty.</summary>
    public bool MoveNext()
    {
        if (_row + 1 < _count)
        {
            _row++;
            return true;
        }
        Clear();
        return false;
    }

    /// <inheritdoc/>
    public int Computed()
    {
        int row = Row;
        if (!_computed)
        {
            _worker.Run(_count);
            _computed = true;
        }
        return row;
    }

    /// <summary>A getter of the current row's value in a column that was asked for.</summary>
    public Delegate CreateGetter(DataViewSchema.Column column)
    {
        if (!_columns.IsPassedThrough(column, out _))
            return _worker.CreateGetter(_columns.AddedIndex(column), this);
        int input = _columns.InputIndex(column);
        return input >= 0 ? _worker.CreateInputGetter(input, this) : _buffers[column.Index]!.CreateGetter(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Clear();
        _worker.Dispose();
    }

    private void Clear() => (_row, _count, _computed) = (-1, 0, false);
}
