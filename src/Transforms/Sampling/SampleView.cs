using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>
/// Rows drawn from a flow, made while they are read: one column, memory for one batch per cursor whatever the number of rows, and the same rows in every
/// enumeration, for row i depends on the seed and i alone.
/// </summary>
internal sealed class SampleView : IDataView
{
    private readonly SamplingMap _map;
    private readonly long _count;
    private readonly GaussianNoise _noise;

    /// <summary><paramref name="count"/> rows of the single output column of <paramref name="map"/>.</summary>
    public SampleView(SamplingMap map, long count, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        _map = map;
        _count = count;
        _noise = new GaussianNoise(seed);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(map.OutputColumns(builder.ToSchema()));
        Schema = builder.ToSchema();
    }

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => _count;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
        => new Cursor(this, columnsNeeded, first: 0, stride: 1);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        DataViewSchema.Column[] needed = [.. columnsNeeded];
        long batches = (_count + _map.BatchSize - 1) / _map.BatchSize;
        int cursors = (int)Math.Clamp(Math.Min(n, batches), 1, int.MaxValue);
        return [.. Enumerable.Range(0, cursors).Select(i => new Cursor(this, needed, first: i, stride: cursors))];
    }

    /// <summary>Every <c>stride</c>-th batch, from batch <c>first</c> on: batches are numbered so that ML.NET can merge a set of cursors in order.</summary>
    private sealed class Cursor : DataViewRowCursor, IBatchPosition
    {
        private readonly SampleView _view;
        private readonly SamplingMap.Worker? _worker; // none where the column was not asked for
        private readonly int _stride;
        private long _batch;
        private long _position = -1;
        private int _row = -1;
        private int _count;
        private bool _computed;
        private bool _ended;

        public Cursor(SampleView view, IEnumerable<DataViewSchema.Column> needed, int first, int stride)
        {
            _view = view;
            _stride = stride;
            _batch = first - stride;
            if (needed.Any(column => column.Index == 0))
                _worker = view._map.CreateSamplingWorker(view._map.BatchSize);
        }

        public override DataViewSchema Schema => _view.Schema;

        public override long Position => _position;

        public override long Batch => Math.Max(0, _batch);

        private long Start => _batch * _view._map.BatchSize;

        public override bool MoveNext()
        {
            if (_ended)
                return false;
            if (++_row == _count)
            {
                _batch += _stride;
                _computed = false;
                _row = 0;
                _count = (int)Math.Clamp(_view._count - Start, 0, _view._map.BatchSize);
                if (_count == 0)
                {
                    _ended = true;
                    _position = -1;
                    return false;
                }
            }
            _position++;
            return true;
        }

        public int Computed()
        {
            CheckRow();
            if (!_computed)
            {
                int size = _view._map.InputSize;
                for (int row = 0; row < _count; row++)
                    _view._noise.Fill(Start + row, _worker!.Input.AsSpan(row * size, size));
                for (int row = 0; row < _worker!.Members.Length && row < _count; row++)
                    _worker.Members[row] = _view._noise.Pick(Start + row, _worker.MemberCount);
                _worker!.Run(_count);
                _computed = true;
            }
            return _row;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => column.Index == 0 && _worker is not null;

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!IsColumnActive(column))
                throw new InvalidOperationException($"Column '{column.Name}' was not asked for when the cursor was made.");
            return ActiveColumns.Cast<TValue>(_worker!.CreateGetter(0, this), column);
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) =>
        {
            CheckRow();
            value = new DataViewRowId((ulong)(Start + _row), 0);
        };

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_ended)
                _ended = true;
            if (disposing)
                _worker?.Dispose();
            base.Dispose(disposing);
        }

        private void CheckRow()
        {
            if (_ended || _row < 0)
                throw new InvalidOperationException("The cursor stands on no row: call MoveNext first.");
        }
    }
}
