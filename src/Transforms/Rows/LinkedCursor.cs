using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Stands where another cursor stands, gives what that gives, and owns it. The other may also be the row of a mapper, which nobody moves on
/// from here.
/// </summary>
internal abstract class LinkedCursor(DataViewRow source) : DataViewRowCursor
{
    private readonly DataViewRowCursor? _cursor = source as DataViewRowCursor;
    private bool _disposed;

    /// <summary>The other one.</summary>
    protected DataViewRow Source => source;

    /// <inheritdoc/>
    public override DataViewSchema Schema => source.Schema;

    /// <inheritdoc/>
    public override long Position => source.Position;

    /// <inheritdoc/>
    public override long Batch => source.Batch;

    /// <inheritdoc/>
    public override bool MoveNext()
        => _cursor?.MoveNext() ?? throw new InvalidOperationException("The row of a mapper moves with its input.");

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => source.IsColumnActive(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => source.GetGetter<TValue>(column);

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
