using System.Runtime.ExceptionServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Images;

/// <summary>
/// The rows of another view, whose errors about images are told as they are. ML.NET reads images ahead in threads of its own, and hides what goes wrong there
/// behind "Splitter/consolidator worker encountered exception while consuming source data".
/// </summary>
internal sealed class ImageFolderView(IDataView source) : IDataView
{
    /// <inheritdoc/>
    public DataViewSchema Schema => source.Schema;

    /// <inheritdoc/>
    public bool CanShuffle => source.CanShuffle;

    /// <inheritdoc/>
    public long? GetRowCount() => source.GetRowCount();

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
        => new Cursor(source.GetRowCursor(columnsNeeded, rand));

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        => Array.ConvertAll(source.GetRowCursorSet(columnsNeeded, n, rand), cursor => new Cursor(cursor));

    private sealed class Cursor(DataViewRowCursor source) : DataViewRowCursor
    {
        private bool _disposed;

        public override DataViewSchema Schema => source.Schema;

        public override long Position => source.Position;

        public override long Batch => source.Batch;

        public override bool MoveNext()
        {
            try
            {
                return source.MoveNext();
            }
            catch (InvalidOperationException e) when (e.InnerException is InvalidDataException)
            {
                ExceptionDispatchInfo.Throw(e.InnerException);
                throw;
            }
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => source.IsColumnActive(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => source.GetGetter<TValue>(column);

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
