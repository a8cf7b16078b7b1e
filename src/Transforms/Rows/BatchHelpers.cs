namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Computes batches that one cursor has read ahead, on cores that are idle, the oldest first. What no helper has begun is left to the
/// reader, which therefore never waits for a thread to come: only for a batch that is being computed.
/// </summary>
internal sealed class BatchHelpers
{
    private readonly object _lock = new(); // guards all below, and RowBatch.IsInWork
    private readonly Queue<RowBatch> _waiting = new();
    private int _helpers;

    /// <summary>Whether there is a helper, or a core for one.</summary>
    public bool AreAtHand => Volatile.Read(ref _helpers) > 0 || RealNvpCores.IsIdle;

    /// <summary>Leaves a batch, read later than all others, to a helper; and calls one more where a core is idle.</summary>
    public void Add(RowBatch batch)
    {
        lock (_lock)
        {
            _waiting.Enqueue(batch);
            if (!RealNvpCores.TryTake())
                return;
            _helpers++;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static helpers => helpers.Help(), this, preferLocal: false);
    }

    /// <summary>
    /// Returns when nobody works on a batch any more, the oldest one. Until then the reader computes others. Whatever went wrong, the batch
    /// is then not computed.
    /// </summary>
    public void Finish(RowBatch batch)
    {
        while (true)
        {
            RowBatch next;
            lock (_lock)
            {
                while (batch.IsInWork && _waiting.Count == 0)
                    Monitor.Wait(_lock);
                if (!batch.IsInWork)
                {
                    Remove(batch);
                    return;
                }
                next = Begin();
            }
            RealNvpCores.Enter();
            Work(next);
            RealNvpCores.Leave();
        }
    }

    /// <summary>Takes back a batch, the oldest one, that is to be read into again: returns when nobody works on it.</summary>
    public void Withdraw(RowBatch batch)
    {
        lock (_lock)
        {
            Remove(batch);
            while (batch.IsInWork)
                Monitor.Wait(_lock);
        }
    }

    /// <summary>Takes back all batches that nobody works on yet.</summary>
    public void Stop()
    {
        lock (_lock)
            _waiting.Clear();
    }

    private void Help()
    {
        while (true)
        {
            RowBatch next;
            lock (_lock)
            {
                // a helper makes way for readers, one batch after they came
                if (_waiting.Count == 0 || RealNvpCores.IsCrowded)
                {
                    _helpers--;
                    RealNvpCores.Leave();
                    return;
                }
                next = Begin();
            }
            Work(next);
        }
    }

    private RowBatch Begin()
    {
        RowBatch next = _waiting.Dequeue();
        next.IsInWork = true;
        return next;
    }

    private void Work(RowBatch batch)
    {
        try
        {
            batch.Compute();
        }
        catch (Exception)
        {
            // the reader computes the batch again when it comes there, and meets the error at the row where it belongs
        }
        lock (_lock)
        {
            batch.IsInWork = false;
            Monitor.PulseAll(_lock);
        }
    }

    private void Remove(RowBatch batch)
    {
        if (_waiting.TryPeek(out RowBatch? oldest) && oldest == batch)
            _waiting.Dequeue();
    }
}
