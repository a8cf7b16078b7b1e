using System.Runtime.ExceptionServices;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Numbered work on several threads.</summary>
internal static class SideBySide
{
    /// <summary>
    /// Does work 0, 1, 2, ..., each begun in that order by whatever thread is free; alone on the caller's thread where one at a time is
    /// asked for. Returns when all that began has ended; what failed stops the rest, and is thrown.
    /// </summary>
    /// <param name="count">The number of pieces.</param>
    /// <param name="atOnce">How many of them at a time.</param>
    /// <param name="work">Does one; false where no other is to begin.</param>
    /// <param name="stop">Is called after a failure: what has begun should end.</param>
    public static void Run(int count, int atOnce, Func<int, bool> work, Action stop)
    {
        int next = -1;
        var errors = new List<Exception>();
        void Worker()
        {
            try
            {
                for (int i; (i = Interlocked.Increment(ref next)) < count;)
                {
                    if (!work(i))
                        Interlocked.Exchange(ref next, count);
                }
            }
            catch (Exception e)
            {
                lock (errors)
                    errors.Add(e);
                Interlocked.Exchange(ref next, count);
                stop();
            }
        }
        if (Math.Min(count, atOnce) == 1)
        {
            Worker();
        }
        else
        {
            Thread[] threads = [.. Enumerable.Range(0, Math.Min(count, atOnce)).Select(i => new Thread(Worker) { Name = $"Training {i}" })];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
        }
        // those that were only stopped say nothing of why
        if ((errors.Find(e => e is not OperationCanceledException) ?? errors.FirstOrDefault()) is { } error)
            ExceptionDispatchInfo.Throw(error);
    }
}
