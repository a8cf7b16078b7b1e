using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Tool.Tables;

/// <summary>Blocks of rows as ML.NET reads them; each cursor asks for the blocks anew.</summary>
internal sealed class TableView : IDataView
{
    private readonly Func<IEnumerable<Block>> _blocks;
    private readonly Func<Block, int, bool>? _takes;

    /// <param name="columns">The names and kinds of the columns, as the blocks have them; those without a name are not shown.</param>
    /// <param name="blocks">Gives the rows.</param>
    /// <param name="takes">Whether a row of a block is one of the view's; null: all are.</param>
    public TableView(
        IReadOnlyList<(string? Name, CellKind Kind)> columns, Func<IEnumerable<Block>> blocks, Func<Block, int, bool>? takes = null)
    {
        (_blocks, _takes) = (blocks, takes);
        var schema = new DataViewSchema.Builder();
        foreach ((string? name, CellKind kind) in columns)
        {
            if (name is not null)
                schema.AddColumn(name, kind == CellKind.Number ? NumberDataViewType.Single : TextDataViewType.Instance);
        }
        Schema = schema.ToSchema();
        Places = [.. columns.Index().Where(column => column.Item.Name is not null).Select(column => column.Index)];
    }

    public DataViewSchema Schema { get; }

    public bool CanShuffle => false;

    /// <summary>Where in a block each column stands.</summary>
    private int[] Places { get; }

    public long? GetRowCount() => null;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(this);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        => [new Cursor(this)];

    private sealed class Cursor(TableView view) : DataViewRowCursor
    {
        private readonly IEnumerator<Block> _blocks = view._blocks().GetEnumerator();
        private Block? _block;
        private int _row;
        private long _position = -1;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => _position;

        public override long Batch => 0;

        public override bool IsColumnActive(DataViewSchema.Column column) => true;

        public override bool MoveNext()
        {
            do
            {
                _row++;
                while (_block is null || _row >= _block.Rows)
                {
                    if (!_blocks.MoveNext())
                        return false;
                    (_block, _row) = (_blocks.Current, 0);
                }
            }
            while (view._takes is { } takes && !takes(_block, _row));
            _position++;
            return true;
        }

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            int place = view.Places[column.Index];
            Delegate getter = column.Type is NumberDataViewType
                ? (ValueGetter<float>)((ref float value) => value = _block!.Numbers(place)[_row])
                : (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = _block!.Texts(place)[_row]);
            return getter as ValueGetter<TValue>
                ?? throw new InvalidOperationException($"The column '{column.Name}' is {column.Type}, not {typeof(TValue).Name}.");
        }

        public override ValueGetter<DataViewRowId> GetIdGetter()
            => (ref DataViewRowId value) => value = new DataViewRowId((ulong)_position, 0);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _blocks.Dispose();
            base.Dispose(disposing);
        }
    }
}
