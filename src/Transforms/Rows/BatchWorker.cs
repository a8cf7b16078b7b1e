using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// The memory and the computation of one batch: open a source, take rows, run, read through getters. One thread at a time; what
/// <see cref="Run"/> does may be another thread than the one that takes and reads.
/// </summary>
internal abstract class BatchWorker : IDisposable
{
    /// <summary>Opens the input columns of the rows that will be taken, once.</summary>
    public abstract void Open(DataViewRow source, DataViewSchema.Column[] inputs);

    /// <summary>
    /// Says, before the first row is taken, that an input will be given out again, for workers that do not hold it anyway.
    /// </summary>
    /// <param name="input">The position among the inputs.</param>
    public virtual void Keep(int input) { }

    /// <summary>Takes the inputs of the source's current row, whose id is given, as row <paramref name="row"/> of the batch.</summary>
    public abstract void Take(int row, in DataViewRowId id);

    /// <summary>Computes the active columns of the first <paramref name="count"/> rows, whose inputs stay as they are.</summary>
    /// <exception cref="ObjectDisposedException">What computes was disposed.</exception>
    public abstract void Run(int count);

    /// <summary>A <c>ValueGetter</c> of the type of an added column, which must be active.</summary>
    /// <param name="added">The position among the added columns.</param>
    /// <param name="position">Says which row of the batch to give.</param>
    public abstract Delegate CreateGetter(int added, IBatchPosition position);

    /// <summary>A <c>ValueGetter</c> that gives an input out again, where rows are read ahead.</summary>
    /// <param name="input">The position among the inputs.</param>
    /// <param name="position">Says which row of the batch to give.</param>
    public virtual Delegate CreateInputGetter(int input, IBatchPosition position)
        => throw new NotSupportedException("Rows of this kind are not read ahead.");

    /// <inheritdoc/>
    public virtual void Dispose() { }
}

/// <summary>A worker that reads columns of Single, or of vectors of them.</summary>
internal abstract class VectorWorker : BatchWorker
{
    private FeatureReader[] _readers = [];
    private DataViewSchema.Column[] _columns = [];

    /// <summary>For each column the rows, [capacity, size], dense and row-major.</summary>
    protected (float[] Rows, int Size)[] Inputs { get; init; } = [];

    /// <inheritdoc/>
    public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
    {
        _columns = inputs;
        _readers = [.. inputs.Select((column, i) => new FeatureReader(source, column, Inputs[i].Size, Inputs[i].Rows))];
    }

    /// <inheritdoc/>
    public override void Take(int row, in DataViewRowId id)
    {
        foreach (FeatureReader reader in _readers)
            reader.Take(row);
    }

    /// <inheritdoc/>
    public override Delegate CreateInputGetter(int input, IBatchPosition position)
    {
        (float[] rows, int size) = Inputs[input];
        if (_columns[input].Type is not VectorDataViewType)
            return (ValueGetter<float>)((ref float value) => value = rows[position.Row]);
        return (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => FeatureReader.CopyRow(rows, position.Row, size, ref value));
    }

    /// <summary>A getter of the rows of a matrix [capacity, size] that <see cref="BatchWorker.Run"/> fills.</summary>
    protected static ValueGetter<VBuffer<float>> RowsOf(float[] matrix, int size, IBatchPosition position)
        => (ref VBuffer<float> value) => FeatureReader.CopyRow(matrix, position.Computed(), size, ref value);
}

/// <summary>Where a reader stands in a batch.</summary>
internal interface IBatchPosition
{
    /// <summary>The current row of the batch.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    int Row { get; }

    /// <summary>The current row of the batch, whose added columns have been computed when this returns.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    int Computed();
}
