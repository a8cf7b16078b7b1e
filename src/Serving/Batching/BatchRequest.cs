namespace RealNvp.ML.Serving.Batching;

/// <summary>Rows that one caller wants computed together.</summary>
internal abstract class BatchRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _cancellation;
    private int _left;

    /// <param name="rows">How many rows.</param>
    protected BatchRequest(int rows)
    {
        Rows = rows;
        _left = rows;
    }

    /// <summary>How many rows.</summary>
    public int Rows { get; }

    /// <summary>Rows that batches have taken already. The coalescer's own, under its lock.</summary>
    public int Taken { get; set; }

    /// <summary>Ends when all rows are computed, one cannot be, or the caller goes away.</summary>
    public Task Completion => _done.Task;

    /// <summary>Whether nobody waits for the rows any more.</summary>
    public bool IsOver => _done.Task.IsCompleted;

    /// <summary>Ends it when the caller goes away: rows that no batch has taken yet will not be computed.</summary>
    public void EndWith(CancellationToken cancellation)
    {
        if (cancellation.CanBeCanceled)
        {
            _cancellation = cancellation.UnsafeRegister(static (request, token)
                => ((BatchRequest)request!)._done.TrySetCanceled(token), this);
        }
    }

    /// <summary>Nobody will compute it: forgets the caller's going away.</summary>
    public void Refuse() => _cancellation.Unregister();

    /// <summary>Some rows are computed.</summary>
    public void Give(int rows)
    {
        if (Interlocked.Add(ref _left, -rows) == 0 && _done.TrySetResult())
            _cancellation.Unregister();
    }

    /// <summary>Some rows cannot be computed.</summary>
    public void Fail(Exception exception)
    {
        if (_done.TrySetException(exception))
            _cancellation.Unregister();
    }
}
