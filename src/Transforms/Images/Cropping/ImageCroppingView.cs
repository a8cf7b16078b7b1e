using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>A data view with cropped images added: lazy, enumerable many times and by many threads, and shuffled as its source can be.</summary>
internal sealed class ImageCroppingView(ImageCropping cropping, IDataView source) : IDataView
{
    /// <inheritdoc/>
    public DataViewSchema Schema { get; } = cropping.OutputSchema(source.Schema);

    /// <inheritdoc/>
    public bool CanShuffle => source.CanShuffle;

    /// <inheritdoc/>
    public long? GetRowCount() => source.GetRowCount();

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        ActiveColumns columns = Ask(columnsNeeded);
        return new Cursor(cropping, columns, source.GetRowCursor(cropping.Upstream(columns, source.Schema), rand));
    }

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        ActiveColumns columns = Ask(columnsNeeded);
        DataViewRowCursor[] cursors = source.GetRowCursorSet(cropping.Upstream(columns, source.Schema), n, rand);
        return Array.ConvertAll(cursors, cursor => new Cursor(cropping, columns, cursor));
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columnsNeeded)
        => new(source.Schema, Schema, cropping.Find(source.Schema).Image, columnsNeeded);

    private sealed class Cursor(ImageCropping cropping, ActiveColumns columns, DataViewRowCursor source) : LinkedCursor(source)
    {
        private readonly DataViewRowCursor _source = source;

        public override DataViewSchema Schema => columns.Output;

        public override bool IsColumnActive(DataViewSchema.Column column) => columns.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            columns.Require(column);
            return columns.IsPassedThrough(column, out DataViewSchema.Column upstream)
                ? _source.GetGetter<TValue>(upstream)
                : ActiveColumns.Cast<TValue>(cropping.CreateGetter(_source), column);
        }
    }
}
