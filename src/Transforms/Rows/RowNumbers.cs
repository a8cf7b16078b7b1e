using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Rows without columns, whose ids are their numbers from 0: the source of rows that are made from their number alone. A set of cursors
/// shares the rows by blocks, which are numbered so that ML.NET can merge them in order.
/// </summary>
/// <param name="count">How many.</param>
/// <param name="block">Rows per block; asked for when cursors are made.</param>
internal sealed class RowNumbers(long count, Func<int> block) : IDataView
{
    /// <inheritdoc/>
    public DataViewSchema Schema { get; } = new DataViewSchema.Builder().ToSchema();

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => count;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
        => new Cursor(Schema, count, block(), first: 0, stride: 1);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        int size = block();
        int cursors = (int)Math.Clamp(Math.Min(n, (count + size - 1) / size), 1, int.MaxValue);
        return [.. Enumerable.Range(0, cursors).Select(i => new Cursor(Schema, count, size, first: i, stride: cursors))];
    }

    /// <summary>Every <paramref name="stride"/>-th block, from block <paramref name="first"/> on.</summary>
    private sealed class Cursor(DataViewSchema schema, long count, int size, int first, int stride) : DataViewRowCursor
    {
        private long _block = (long)first - stride;
        private int _inBlock = size - 1;
        private long _number = -1;
        private long _position = -1;

        public override DataViewSchema Schema => schema;

        public override long Position => _position;

        public override long Batch => Math.Max(0, _block);

        public override bool MoveNext()
        {
            if (_inBlock < 0)
                return false;
            if (++_inBlock == size)
                (_block, _inBlock) = (_block + stride, 0);
            _number = _block * size + _inBlock;
            if (_number >= count)
            {
                (_number, _position, _inBlock) = (-1, -1, int.MinValue);
                return false;
            }
            _position++;
            return true;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => false;

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
            => throw new ArgumentException("There are no columns here.", nameof(column));

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _number >= 0
            ? new DataViewRowId((ulong)_number, 0)
            : throw ActiveColumns.OnNoRow();
    }
}
