using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Rows where they stand upstream: nothing is read ahead, and what is added is computed for the one row when it is read. For mappers, for
/// maps of single rows, and for readers that ask for no added column.
/// </summary>
internal sealed class InPlaceCursor : LinkedCursor, IBatchPosition
{
    private readonly ActiveColumns _columns;
    private readonly BatchWorker? _worker; // none where no added column was asked for
    private readonly ValueGetter<DataViewRowId>? _id;
    private long _computedAt = long.MinValue;

    /// <summary>A cursor over <paramref name="source"/>, which it owns from now on.</summary>
    public InPlaceCursor(RowMap map, ActiveColumns columns, DataViewRow source) : base(source)
    {
        _columns = columns;
        if (!columns.AnyAdded)
            return;
        _worker = map.CreateWorker(1, columns.Added);
        _worker.Open(source, columns.Inputs);
        _id = source.GetIdGetter();
    }

    /// <inheritdoc/>
    public override DataViewSchema Schema => _columns.Output;

    /// <inheritdoc/>
    public int Row => 0;

    /// <inheritdoc/>
    public int Computed()
    {
        if (_computedAt != Source.Position)
        {
            DataViewRowId id = default;
            _id!(ref id);
            _worker!.Take(0, id);
            _worker.Run(1);
            _computedAt = Source.Position;
        }
        return 0;
    }

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        _columns.Require(column);
        return _columns.IsPassedThrough(column, out DataViewSchema.Column upstream)
            ? Source.GetGetter<TValue>(upstream)
            : ActiveColumns.Cast<TValue>(_worker!.CreateGetter(_columns.AddedIndex(column), this), column);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _worker?.Dispose();
        base.Dispose(disposing);
    }
}
