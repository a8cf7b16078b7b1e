using Microsoft.ML;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>The rows of another view, whose errors about images come as they are.</summary>
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

    private sealed class Cursor(DataViewRowCursor source) : LinkedCursor(source)
    {
        public override bool MoveNext() => source.MoveNextOrTell();
    }
}
