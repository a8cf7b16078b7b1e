namespace RealNvp.ML.Transforms.Rows;

/// <summary>The memory and the computation of one cursor or row mapper: fill <see cref="Input"/>, run, read through getters. For one thread at a time.</summary>
internal abstract class BatchWorker : IDisposable
{
    /// <summary>The input rows, [capacity, size], dense and row-major.</summary>
    public abstract float[] Input { get; }

    /// <summary>Computes the active outputs of the first <paramref name="count"/> rows of <see cref="Input"/>, which stays as it is.</summary>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public abstract void Run(int count);

    /// <summary>A <c>ValueGetter</c> of the type of output column <paramref name="output"/>, which must be active.</summary>
    /// <param name="output">The position among the added columns.</param>
    /// <param name="position">Says which row of the batch to give.</param>
    public abstract Delegate CreateGetter(int output, IBatchPosition position);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>Where a reader stands in a worker's batch.</summary>
internal interface IBatchPosition
{
    /// <summary>The current row of the batch, whose outputs have been computed when this returns.</summary>
    int Computed();
}
