namespace RealNvp.ML.Tool.Tables;

/// <summary>Reads the next block while the present one is worked on.</summary>
internal static class ReadAhead
{
    /// <summary>The same items in the same order; an error comes where its item would.</summary>
    public static IEnumerable<T> Ahead<T>(this IEnumerable<T> items, CancellationToken cancellation)
        where T : class
    {
        using IEnumerator<T> source = items.GetEnumerator();
        Task<T?> next = Task.Run(Next);
        try
        {
            while (true)
            {
                next.Wait(cancellation); // a source that waits for its writer can be left
                if (next.GetAwaiter().GetResult() is not { } item)
                    yield break;
                next = Task.Run(Next);
                yield return item;
            }
        }
        finally
        {
            if (!cancellation.IsCancellationRequested)
                ((IAsyncResult)next).AsyncWaitHandle.WaitOne();
        }

        T? Next() => source.MoveNext() ? source.Current : null;
    }
}
