using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// One batch of rows that were read ahead: the columns that pass through, the inputs and what is computed from them, all in memory of its
/// own. Computed as a whole: by a helper where there is one, else at the first read of an added column.
/// </summary>
internal sealed class RowBatch : IBatchPosition, IDisposable
{
    private readonly DataViewRowCursor _source;
    private readonly ActiveColumns _columns;
    private readonly BatchWorker _worker;
    private readonly BatchHelpers _helpers;
    private readonly ColumnBuffer?[] _buffers; // by column index; none for inputs, which the worker holds
    private readonly ColumnBuffer[] _passed;
    private readonly ValueGetter<DataViewRowId> _idGetter;
    private readonly DataViewRowId[] _ids;
    private readonly long[] _positions;
    private readonly long[] _batches;
    private int _row = -1;
    private int _count;
    private volatile bool _computed; // written last by whoever computes
    private ExceptionDispatchInfo? _fault;

    /// <summary>An empty batch for rows of <paramref name="source"/>, which stays its cursor's.</summary>
    public RowBatch(
        RowMap map, int capacity, ActiveColumns columns, DataViewRowCursor source, BatchHelpers helpers, int index)
    {
        _source = source;
        _columns = columns;
        _helpers = helpers;
        (Capacity, Index) = (capacity, index);
        _worker = map.CreateWorker(capacity, columns.Added);
        _worker.Open(source, columns.Inputs);
        _buffers = new ColumnBuffer?[columns.Output.Count];
        foreach (DataViewSchema.Column column in columns.PassedThrough)
        {
            if (columns.InputIndex(column) is >= 0 and var input)
                _worker.Keep(input);
            else
                _buffers[column.Index] = ColumnBuffer.Create(source, column, capacity);
        }
        _passed = [.. _buffers.OfType<ColumnBuffer>()];
        _idGetter = source.GetIdGetter();
        _ids = new DataViewRowId[capacity];
        _positions = new long[capacity];
        _batches = new long[capacity];
    }

    /// <summary>The most rows that it holds.</summary>
    public int Capacity { get; }

    /// <summary>Its number among the batches of its cursor.</summary>
    public int Index { get; }

    /// <summary>Whether somebody computes it at the moment. The helpers' own, under their lock.</summary>
    public bool IsInWork { get; set; }

    /// <summary>Whether an added column was read since the batch was filled.</summary>
    public bool WasAskedFor { get; private set; }

    /// <summary>What the last reading of the source took.</summary>
    public TimeSpan ReadingTime { get; private set; }

    /// <summary>What the last computation took.</summary>
    public TimeSpan ComputingTime { get; private set; }

    /// <summary>Whether there is no row.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>Whether the source threw after the rows that are here.</summary>
    public bool HasFault => _fault is not null;

    /// <inheritdoc/>
    public int Row => _row >= 0 ? _row : throw ActiveColumns.OnNoRow();

    /// <summary>The id of the current row.</summary>
    public DataViewRowId Id => _ids[Row];

    /// <summary>The position of the current row in its source, -1 where there is none.</summary>
    public long Position => _row < 0 ? -1 : _positions[_row];

    /// <summary>The source's own batch that the current row is of.</summary>
    public long SourceBatch => _row < 0 ? 0 : _batches[_row];

    /// <summary>
    /// Reads the next rows of the source in place of those that are here, and stands before the first of them. Where the source throws,
    /// the rows before are whole, and what it threw waits after them.
    /// </summary>
    /// <returns>Whether there were as many as asked for: otherwise the source has ended or has thrown.</returns>
    public bool Read(int most)
    {
        Clear();
        WasAskedFor = false;
        long start = Stopwatch.GetTimestamp();
        int count = 0;
        try
        {
            for (; count < most && _source.MoveNextOrTell(); count++)
                Take(count);
        }
        catch (Exception e)
        {
            _fault = ExceptionDispatchInfo.Capture(e);
        }
        ReadingTime = Stopwatch.GetElapsedTime(start);
        _count = count;
        return count == most;
    }

    /// <summary>What the source threw after the rows that are here, once.</summary>
    public ExceptionDispatchInfo? TakeFault()
    {
        ExceptionDispatchInfo? fault = _fault;
        _fault = null;
        return fault;
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
        WasAskedFor = true;
        if (!_computed)
            ComputeHere();
        return row;
    }

    /// <summary>Computes the rows that are here, on any thread, one at a time.</summary>
    public void Compute()
    {
        long start = Stopwatch.GetTimestamp();
        _worker.Run(_count);
        ComputingTime = Stopwatch.GetElapsedTime(start);
        _computed = true;
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

    private void ComputeHere()
    {
        _helpers.Finish(this);
        if (_computed)
            return;
        RealNvpCores.Enter();
        try
        {
            Compute();
        }
        finally
        {
            RealNvpCores.Leave();
        }
    }

    private void Take(int row)
    {
        _positions[row] = _source.Position;
        _batches[row] = _source.Batch;
        _idGetter(ref _ids[row]);
        _worker.Take(row, _ids[row]);
        foreach (ColumnBuffer buffer in _passed)
            buffer.Take(row);
    }

    private void Clear()
    {
        _helpers.Withdraw(this);
        (_row, _count, _computed) = (-1, 0, false);
    }
}
