namespace RealNvp.ML.Transforms;

/// <summary>
/// How many cores scoring and sampling may keep busy in this process, all transformers and readers together. One reader that goes on
/// reading takes idle cores for the batches after its present one; where none is idle, it computes by itself.
/// </summary>
/// <remarks>
/// Rows, their order and their values do not depend on it. What ONNX Runtime does within one call is its own: batches of images and of very
/// large nets are split over all cores there, and are not computed side by side.
/// </remarks>
/// <example>
/// <code>
/// RealNvpCores.Max = 1; // each reader on its own thread, and nothing beside it
/// </code>
/// </example>
public static class RealNvpCores
{
    private static int s_max = Environment.ProcessorCount;
    private static int s_busy; // threads that compute a batch at the moment, readers included

    /// <summary>
    /// Cores at most, 1 or more. By default all that the process may use: .NET counts the allowed ones (affinity) and the quota of a
    /// container. A change holds for what is read from then on.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public static int Max
    {
        get => Volatile.Read(ref s_max);
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            Volatile.Write(ref s_max, value);
        }
    }

    /// <summary>Whether a reader, which has a core of its own, may take one more.</summary>
    internal static bool IsIdle => Volatile.Read(ref s_busy) + 2 <= Max;

    /// <summary>Whether more compute than there are cores, because readers came that compute by themselves.</summary>
    internal static bool IsCrowded => Volatile.Read(ref s_busy) > Max;

    /// <summary>Takes a core for a helper, where one is idle beside the caller's own.</summary>
    internal static bool TryTake()
    {
        int busy = Volatile.Read(ref s_busy);
        while (busy + 2 <= Max)
        {
            int seen = Interlocked.CompareExchange(ref s_busy, busy + 1, busy);
            if (seen == busy)
                return true;
            busy = seen;
        }
        return false;
    }

    /// <summary>A reader computes on its own thread, idle core or not.</summary>
    internal static void Enter() => Interlocked.Increment(ref s_busy);

    /// <summary>Gives a core back.</summary>
    internal static void Leave() => Interlocked.Decrement(ref s_busy);
}
