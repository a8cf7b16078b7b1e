using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Batching;

/// <summary>The upstream cursor under the output schema: for readers that ask for no added column, so that nothing is read ahead or computed.</summary>
internal sealed class PassThroughCursor(ActiveColumns columns, DataViewRowCursor source) : DataViewRowCursor
{
    private bool _disposed;

    /// <inheritdoc/>
    public override DataViewSchema Schema => columns.Output;

    /// <inheritdoc/>
    public override long Position => source.Position;

    /// <inheritdoc/>
    public override long Batch => source.Batch;

    /// <inheritdoc/>
    public override bool MoveNext() => source.MoveNext();

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        columns.Require(column);
        columns.IsPassedThrough(column, out DataViewSchema.Column upstream);
        return source.GetGetter<TValue>(upstream);
    }

    /// <inheritdoc/>
    public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

    /// <inheritdoc/>
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
