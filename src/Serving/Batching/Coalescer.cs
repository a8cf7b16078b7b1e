namespace RealNvp.ML.Serving.Batching;

/// <summary>
/// Makes batches of the rows of many callers. An engine that has nothing to do begins at once with what waits; a further one begins beside
/// it when a full batch waits, or a request has waited long enough. Batches are computed on the thread pool, in turn with the work that
/// brings new requests: under load they grow by themselves.
/// </summary>
/// <typeparam name="TRequest">What callers bring.</typeparam>
internal sealed class Coalescer<TRequest> : IThreadPoolWorkItem, IDisposable where TRequest : BatchRequest
{
    private readonly Func<IBatchEngine<TRequest>> _newEngine;
    private readonly Action<int, int>? _observe;
    private readonly int _capacity, _mostEngines, _mostWaiting;
    private readonly TimeSpan _wait;
    private readonly Timer _timer;
    private readonly Lock _lock = new();
    private readonly Queue<TRequest> _queue = new();
    private readonly Stack<IBatchEngine<TRequest>> _idle = new();
    private int _waiting; // rows in the queue that no batch has taken
    private int _running; // engines at work
    private bool _timed;  // whether the timer will ring
    private bool _disposed;

    /// <param name="capacity">The most rows of a batch.</param>
    /// <param name="engines">The most engines at work at the same time.</param>
    /// <param name="options">How long and how many may wait.</param>
    /// <param name="newEngine">Makes an engine for batches of the capacity; kept and used again.</param>
    /// <param name="observe">Is told the rows and the requests of each batch.</param>
    public Coalescer(int capacity, int engines, BatchingOptions options, Func<IBatchEngine<TRequest>> newEngine,
        Action<int, int>? observe = null)
    {
        (_capacity, _mostEngines, _newEngine, _observe) = (capacity, engines, newEngine, observe);
        (_wait, _mostWaiting) = (options.MaxWait, options.MaxWaitingRows);
        _timer = new Timer(static coalescer => ((Coalescer<TRequest>)coalescer!).Ring(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Rows that wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Has rows computed, in batches with those of others.</summary>
    /// <exception cref="ServiceBusyException">Too many rows wait already.</exception>
    /// <exception cref="OperationCanceledException">The caller went away. Its rows alone are dropped.</exception>
    public Task Compute(TRequest request, CancellationToken cancellation)
    {
        if (request.Rows == 0)
            return Task.CompletedTask;
        cancellation.ThrowIfCancellationRequested();
        request.EndWith(cancellation); // before others see it, who end this too
        lock (_lock)
        {
            if (_disposed || (_waiting > 0 && _waiting + request.Rows > _mostWaiting))
            {
                request.Refuse();
                ObjectDisposedException.ThrowIf(_disposed, this);
                throw new ServiceBusyException($"{_waiting} rows wait already, at most {_mostWaiting} may: come again in a moment.");
            }
            _queue.Enqueue(request);
            _waiting += request.Rows;
            Begin();
        }
        return request.Completion;
    }

    /// <summary>Computes one batch; one such work item is in the pool for every engine at work.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        IBatchEngine<TRequest>? engine = null;
        List<Share> shares = [];
        lock (_lock)
        {
            if (!TakeShares(shares))
            {
                _running--;
                return;
            }
            _idle.TryPop(out engine);
        }
        try
        {
            engine ??= _newEngine();
            Run(engine, shares);
        }
        catch (Exception e) // no engine can be made
        {
            foreach (Share share in shares)
                share.Request.Fail(e);
        }
        lock (_lock)
        {
            if (engine is not null && !_disposed)
            {
                _idle.Push(engine);
                engine = null;
            }
            // behind the requests that came meanwhile, so that they are in the next batch
            if (_queue.Count > 0)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            else
                _running--;
        }
        engine?.Dispose();
    }

    /// <summary>Frees the engines; nobody may wait any more.</summary>
    public void Dispose()
    {
        IBatchEngine<TRequest>[] engines;
        lock (_lock)
        {
            _disposed = true;
            engines = [.. _idle];
            _idle.Clear();
        }
        _timer.Dispose();
        foreach (IBatchEngine<TRequest> engine in engines)
            engine.Dispose();
    }

    /// <summary>Begins a batch where that is right. Under the lock.</summary>
    private void Begin()
    {
        if (_running == 0 || (_running < _mostEngines && (_waiting >= _capacity || _wait == TimeSpan.Zero)))
        {
            _running++;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else if (_running < _mostEngines && !_timed)
        {
            _timed = true;
            _timer.Change(_wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void Ring()
    {
        lock (_lock)
        {
            _timed = false;
            if (_disposed || _waiting == 0 || _running >= _mostEngines)
                return;
            _running++;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>
    /// What the next batch holds: rows of requests in the order in which they came. One that is larger than the batch goes behind the
    /// others then, which do not wait for all of it. Under the lock.
    /// </summary>
    private bool TakeShares(List<Share> shares)
    {
        int rows = 0;
        while (rows < _capacity && _queue.TryDequeue(out TRequest? request))
        {
            int left = request.Rows - request.Taken;
            if (request.IsOver)
            {
                _waiting -= left;
                continue;
            }
            int count = Math.Min(left, _capacity - rows);
            shares.Add(new(request, request.Taken, count, rows));
            request.Taken += count;
            _waiting -= count;
            rows += count;
            if (count < left)
                _queue.Enqueue(request);
        }
        return rows > 0;
    }

    private void Run(IBatchEngine<TRequest> engine, List<Share> shares)
    {
        try
        {
            Share last = shares[^1];
            foreach (Share share in shares)
                engine.Take(share.Request, share.From, share.Count, share.Place);
            engine.Run(last.Place + last.Count);
            foreach (Share share in shares)
                engine.Give(share.Request, share.From, share.Count, share.Place);
            _observe?.Invoke(last.Place + last.Count, shares.Count);
            foreach (Share share in shares)
                share.Request.Give(share.Count);
        }
        catch (Exception e) when (shares.Count == 1)
        {
            shares[0].Request.Fail(e);
        }
        catch (Exception) // somebody's rows: his alone are to fail
        {
            foreach (Share share in shares)
                Run(engine, [share with { Place = 0 }]);
        }
    }

    /// <summary>The part of a request that is in a batch.</summary>
    private readonly record struct Share(TRequest Request, int From, int Count, int Place);
}
