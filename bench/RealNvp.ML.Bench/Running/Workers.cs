using System.Collections.Concurrent;
using TorchSharp;

namespace RealNvp.ML.Bench.Running;

/// <summary>
/// Runs jobs side by side, each on one thread: batches of tabular flows are too small to share, so two fits of one thread beat one fit of
/// two.
/// </summary>
internal static class Workers
{
    /// <summary>Does the work of all jobs, in their order, by so many threads. The work must not throw.</summary>
    public static void Run<T>(IReadOnlyCollection<T> jobs, int count, Action<T> work)
    {
        var queue = new ConcurrentQueue<T>(jobs);
        Thread[] threads = [.. Enumerable.Range(0, Math.Min(count, jobs.Count)).Select(_ => new Thread(() =>
        {
            torch.set_num_threads(1); // the process's setting, but OpenMP keeps a copy per thread
            while (queue.TryDequeue(out T? job))
                work(job);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
    }
}
