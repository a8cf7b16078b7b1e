namespace RealNvp.ML.Serving.Batching;

/// <summary>Memory and computation of one batch at a time: rows of several requests go in, are computed at once, and come out.</summary>
internal interface IBatchEngine<in TRequest> : IDisposable where TRequest : BatchRequest
{
    /// <summary>Takes rows of a request to a place in the batch.</summary>
    void Take(TRequest request, int from, int count, int place);

    /// <summary>Computes the first rows of the batch.</summary>
    void Run(int rows);

    /// <summary>Writes the results of rows into their request.</summary>
    void Give(TRequest request, int from, int count, int place);
}
