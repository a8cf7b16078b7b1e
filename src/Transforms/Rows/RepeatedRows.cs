using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Every row of a view this many times, one after the other, in the view's order; ids are numbers from 0. One cursor at a time: only it
/// knows a row's number.
/// </summary>
/// <param name="source">The view.</param>
/// <param name="times">How often each row comes, 1 or more.</param>
internal sealed class RepeatedRows(IDataView source, int times) : IDataView
{
    /// <inheritdoc/>
    public DataViewSchema Schema => source.Schema;

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => source.GetRowCount() * times;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
        => new Cursor(source.GetRowCursor(columnsNeeded), times);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        => [GetRowCursor(columnsNeeded)];

    private sealed class Cursor(DataViewRowCursor source, int times) : LinkedCursor(source)
    {
        private int _time = times - 1;
        private long _number = -1;
        private bool _ended;

        public override long Position => _ended ? -1 : _number;

        public override long Batch => 0;

        public override bool MoveNext()
        {
            if (!_ended && ++_time == times)
                (_time, _ended) = (0, !base.MoveNext());
            if (!_ended)
                _number++;
            return !_ended;
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = Position >= 0
            ? new DataViewRowId((ulong)_number, 0)
            : throw ActiveColumns.OnNoRow();
    }
}
