using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// What is added to the rows of a view, and how it is computed: the columns that are read, the columns that are added, and workers that
/// go from a batch of the ones to a batch of the others. Immutable, and used by many cursors and threads at once.
/// </summary>
/// <remarks>
/// This room is the one engine of rows: <see cref="RowView"/> makes a view of a map and a source, <see cref="BatchCursor"/> reads ahead and
/// has batches computed on idle cores, <see cref="InPlaceCursor"/> computes the row where it stands. It knows nothing of flows.
/// </remarks>
internal abstract class RowMap
{
    /// <summary>The batches of a cursor; null: row by row as they are read, and nothing is read ahead.</summary>
    public virtual BatchPlan? Batches => null;

    /// <summary>The columns that are read, in the order that workers take them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public abstract DataViewSchema.Column[] FindInputs(DataViewSchema schema);

    /// <summary>The columns that are added after those of the input, in the order that workers count them.</summary>
    public abstract DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input);

    /// <summary>A worker for one batch of rows.</summary>
    /// <param name="capacity">The most rows that it holds.</param>
    /// <param name="active">Which added columns will be read.</param>
    /// <exception cref="ObjectDisposedException">What computes was disposed.</exception>
    public abstract BatchWorker CreateWorker(int capacity, bool[] active);

    /// <summary>The columns of the input and the added ones; an added one hides an input of the same name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public DataViewSchema OutputSchema(DataViewSchema input)
    {
        FindInputs(input);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumns(AddedColumns(input));
        return builder.ToSchema();
    }

    /// <summary>A transformer's <see cref="ITransformer.Transform"/>: nothing is read or computed until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new RowView(this, input);
    }

    /// <summary>A transformer's <see cref="ITransformer.GetRowToRowMapper"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public IRowToRowMapper RowMapper(DataViewSchema input) => new RowMapper(this, input);
}
