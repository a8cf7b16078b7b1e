using System.Diagnostics;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>Threads that do the same kind of work side by side on cores of their own.</summary>
internal static class ParallelWork
{
    /// <summary>The rows per second of all threads together.</summary>
    /// <param name="cores">The cores that all share.</param>
    /// <param name="seconds">How long each goes on.</param>
    /// <param name="work">For each thread, goes through some rows and says how many.</param>
    public static double Rate(int[] cores, double seconds, IReadOnlyList<Func<int>> work)
    {
        double[] rates = new double[work.Count];
        using var together = new Barrier(work.Count);
        Thread[] threads = [.. work.Select((call, i) => new Thread(() =>
        {
            Affinity.Restrict(cores);
            together.SignalAndWait();
            long start = Stopwatch.GetTimestamp(), rows = 0;
            double elapsed;
            do
            {
                rows += call();
                elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
            while (elapsed < seconds);
            rates[i] = rows / elapsed;
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        return rates.Sum();
    }

    /// <summary>Does something on some cores, where the threads that it starts stay too.</summary>
    public static T On<T>(int[] cores, Func<T> make)
    {
        T? result = default;
        var thread = new Thread(() =>
        {
            Affinity.Restrict(cores);
            result = make();
        });
        thread.Start();
        thread.Join();
        return result!;
    }
}
