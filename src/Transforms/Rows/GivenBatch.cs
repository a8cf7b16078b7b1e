using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// A batch of rows that somebody holds already and moves by hand: take each, compute them all at once, then stand on any of them and read.
/// What passes through is the source's, which must stand on the same row. Memory and bindings last from batch to batch; for one thread.
/// </summary>
internal sealed class GivenBatch : LinkedCursor, IBatchPosition
{
    private readonly ActiveColumns _columns;
    private readonly BatchWorker _worker;

    /// <summary>An empty batch over <paramref name="source"/>, which it owns from now on.</summary>
    /// <param name="map">What is computed.</param>
    /// <param name="columns">What will be read.</param>
    /// <param name="source">The rows, one at a time.</param>
    /// <param name="capacity">The most rows of a batch.</param>
    public GivenBatch(RowMap map, ActiveColumns columns, DataViewRow source, int capacity) : base(source)
    {
        _columns = columns;
        _worker = map.CreateWorker(capacity, columns.Added);
        _worker.Open(source, columns.Inputs);
    }

    /// <inheritdoc/>
    public override DataViewSchema Schema => _columns.Output;

    /// <summary>The row of the batch that is read.</summary>
    public int Row { get; set; }

    /// <inheritdoc/>
    public int Computed() => Row;

    /// <summary>Takes the row on which the source stands.</summary>
    /// <param name="row">Its place in the batch.</param>
    public void Take(int row) => _worker.Take(row, new DataViewRowId((ulong)Source.Position, 0));

    /// <summary>Computes the first rows.</summary>
    /// <exception cref="ObjectDisposedException">What computes was disposed.</exception>
    public void Run(int rows) => _worker.Run(rows);

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        _columns.Require(column);
        return _columns.IsPassedThrough(column, out DataViewSchema.Column upstream)
            ? Source.GetGetter<TValue>(upstream)
            : ActiveColumns.Cast<TValue>(_worker.CreateGetter(_columns.AddedIndex(column), this), column);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _worker.Dispose();
        base.Dispose(disposing);
    }
}
