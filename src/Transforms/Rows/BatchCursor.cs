using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Reads ahead on one upstream cursor, batch by batch: one batch for a reader of a few rows, and as it goes on several, which idle cores
/// compute side by side. One upstream cursor only, which the reader's thread moves: a second one beside it would see other rows where the
/// source does not repeat itself, and would decode images twice.
/// </summary>
internal sealed class BatchCursor : DataViewRowCursor
{
    /// <summary>
    /// Reading ahead pays while reading a batch takes no longer than this many times computing it: nobody waits for rows of a slow source
    /// that are not his.
    /// </summary>
    private const int SlowSource = 2;

    private readonly RowMap _map;
    private readonly DataViewRowCursor _source;
    private readonly ActiveColumns _columns;
    private readonly BatchHelpers _helpers = new();
    private readonly Queue<RowBatch> _ahead = new(); // read, in order
    private readonly Stack<RowBatch> _free = new();
    private readonly int _most; // rows per batch
    private readonly int _mostAhead; // batches
    private RowBatch _current;
    private int _limit; // rows of the batch that is read next
    private int _reach; // batches to read ahead at the moment
    private int _made;
    private bool _broken; // the source threw, which the reader is to see before more is read
    private bool _ended;
    private bool _disposed;

    /// <summary>A cursor over <paramref name="source"/>, which it owns from now on.</summary>
    public BatchCursor(RowMap map, BatchPlan plan, ActiveColumns columns, DataViewRowCursor source)
    {
        _map = map;
        _source = source;
        _columns = columns;
        long values = columns.ValuesPerRow();
        (_most, _mostAhead) = (plan.MostRows(values), plan.MostAhead(values));
        _limit = Math.Min(plan.First, _most);
        _current = NewBatch(plan.Usual);
    }

    /// <inheritdoc/>
    public override DataViewSchema Schema => _columns.Output;

    /// <inheritdoc/>
    public override long Position => _current.Position;

    /// <inheritdoc/>
    public override long Batch => _current.SourceBatch;

    /// <inheritdoc/>
    public override bool MoveNext()
    {
        while (!_current.MoveNext())
        {
            if (_disposed)
                return false;
            if (_current.TakeFault() is { } fault)
            {
                _broken = false;
                fault.Throw();
            }
            if (!GoOn())
                return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        _columns.Require(column);
        var getters = new ValueGetter<TValue>?[_mostAhead + 2]; // of the small batch, the present one and those ahead
        getters[_current.Index] = ActiveColumns.Cast<TValue>(_current.CreateGetter(column), column);
        return (ref TValue value) =>
        {
            RowBatch current = _current;
            (getters[current.Index] ??= (ValueGetter<TValue>)current.CreateGetter(column))(ref value);
        };
    }

    /// <inheritdoc/>
    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _current.Id;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            (_disposed, _ended) = (true, true);
            _helpers.Stop();
            foreach (RowBatch batch in _ahead.Concat(_free).Append(_current))
                batch.Dispose(); // waits where it is being computed
            _ahead.Clear();
            _free.Clear();
            _source.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>Puts the next batch in place of the present one, whose rows were all given.</summary>
    private bool GoOn()
    {
        // a reader that did not look at what is computed may do without it further on
        bool pays = _limit == _most && _current.WasAskedFor && _current.ReadingTime <= SlowSource * _current.ComputingTime;
        if (_ahead.TryDequeue(out RowBatch? next))
        {
            if (_current.Capacity < _limit)
                _current.Dispose();
            else
                _free.Push(_current);
            _current = next;
        }
        else if (_ended)
        {
            return false;
        }
        else
        {
            if (_current.Capacity < _limit)
            {
                RowBatch larger = NewBatch(_most);
                _current.Dispose();
                _current = larger;
            }
            Read(_current);
        }
        if (pays)
            ReadAhead();
        return true;
    }

    private void ReadAhead()
    {
        _reach = Math.Min(_reach + 1, _mostAhead);
        while (_ahead.Count < _reach && !_ended && !_broken && _helpers.AreAtHand)
        {
            if (!_free.TryPop(out RowBatch? batch))
            {
                try
                {
                    batch = NewBatch(_most);
                }
                catch (ObjectDisposedException)
                {
                    return; // the transformer was disposed: the reader sees it when the batches that are here are used up
                }
            }
            Read(batch);
            _ahead.Enqueue(batch);
            if (!batch.IsEmpty)
                _helpers.Add(batch);
        }
    }

    private void Read(RowBatch batch)
    {
        _ended = !batch.Read(_limit) && !batch.HasFault;
        _broken = batch.HasFault;
        _limit = Math.Min(4 * _limit, _most);
    }

    private RowBatch NewBatch(int capacity) => new(_map, capacity, _columns, _source, _helpers, _made++);
}
