using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Series;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Scores the rows of one stream, one at a time and in order, by a pipeline with <see cref="LagsTransformer"/> in it: what a
/// <c>PredictionEngine</c> is for rows that stand alone. It remembers the last rows of each group, in memory alone; each row gets what a
/// view of all rows so far would give it. Made by <c>mlContext.CreateSeriesEngine</c>; for one thread at a time.
/// </summary>
/// <typeparam name="TSource">A row.</typeparam>
/// <typeparam name="TResult">What is wanted of it.</typeparam>
public sealed class SeriesEngine<TSource, TResult> : IDisposable
    where TSource : class
    where TResult : class, new()
{
    private readonly Feed _feed = new();
    private readonly RowChain _chain;
    private readonly Func<IEnumerator<TResult>> _read;
    private readonly IDisposable? _owned;
    private IEnumerator<TResult> _results;
    private bool _disposed;

    internal SeriesEngine(MLContext context, ITransformer model, SchemaDefinition? input, SchemaDefinition? output, bool ownsTransformer)
    {
        IDataView source = context.Data.LoadFromEnumerable(_feed.Rows(), input);
        SchemaDefinition wanted = output ?? SchemaDefinition.Create(typeof(TResult));
        _chain = new RowChain(model, source, wanted.Select(column => column.ColumnName));
        try
        {
            IEnumerable<TResult> results = context.Data.CreateEnumerable<TResult>(_chain, reuseRowObject: false, schemaDefinition: output);
            _read = results.GetEnumerator;
            _results = _read();
        }
        catch
        {
            _chain.Dispose(); // nobody has an engine to dispose
            throw;
        }
        _owned = ownsTransformer ? model as IDisposable : null;
    }

    /// <summary>Scores the next row, and remembers it.</summary>
    /// <returns>
    /// The result; null for a row that the pipeline leaves out, as <see cref="LagsOfFirstRows.Skip"/> does with the first ones of a group.
    /// </returns>
    /// <remarks>
    /// Where a part of the pipeline throws, as at a vector of another length, the row has no result, and the engine goes on with the next.
    /// Lags before that part have taken the row, as far as they could read it, and remember it.
    /// </remarks>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public TResult? Score(TSource row)
    {
        ArgumentNullException.ThrowIfNull(row);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _feed.Next = row;
        if (!_chain.Take())
            return null;
        try
        {
            _results.MoveNext();
        }
        catch
        {
            // one that has thrown is at its end, and would give its last result for every row to come
            _results.Dispose();
            _results = _read();
            throw;
        }
        return _results.Current;
    }

    /// <summary>Forgets the rows, and disposes the model where it was made to own it.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _results.Dispose();
        _chain.Dispose();
        _owned?.Dispose();
    }

    /// <summary>The rows as they come.</summary>
    private sealed class Feed
    {
        public TSource? Next { get; set; }

        public IEnumerable<TSource> Rows()
        {
            while (true)
                yield return Next!;
        }
    }
}
