using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Batching;

namespace RealNvp.ML.Transforms.Images;

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
        return Array.ConvertAll(source.GetRowCursorSet(cropping.Upstream(columns, source.Schema), n, rand), cursor => new Cursor(cropping, columns, cursor));
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columnsNeeded) => new(source.Schema, Schema, cropping.Find(source.Schema).Image, columnsNeeded);

    private sealed class Cursor(ImageCropping cropping, ActiveColumns columns, DataViewRowCursor source) : DataViewRowCursor
    {
        private bool _disposed;

        public override DataViewSchema Schema => columns.Output;

        public override long Position => source.Position;

        public override long Batch => source.Batch;

        public override bool MoveNext() => source.MoveNext();

        public override bool IsColumnActive(DataViewSchema.Column column) => columns.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            columns.Require(column);
            return columns.IsPassedThrough(column, out DataViewSchema.Column upstream)
                ? source.GetGetter<TValue>(upstream)
                : ActiveColumns.Cast<TValue>(cropping.CreateGetter(source), column);
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_disposed)
            {
                _disposed = true;
                source.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
