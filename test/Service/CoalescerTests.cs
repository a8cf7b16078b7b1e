using System.Collections.Concurrent;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Batching;

namespace RealNvp.ML.Tests.Service;

/// <summary>How requests become batches, with an engine that waits until it is told to go on.</summary>
[Trait("Area", "Service")]
public sealed class CoalescerTests
{
    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_while_an_engine_computes_is_the_next_batch()
    {
        var work = new Work();
        using Coalescer<Numbers> coalescer = work.Coalescer(capacity: 100, engines: 1);
        Numbers first = new(1, 2), second = new(3), third = new(4, 5, 6);
        Task[] all = [coalescer.Compute(first, _stop)];
        await work.Begun(1);
        all = [.. all, coalescer.Compute(second, _stop), coalescer.Compute(third, _stop)];
        Assert.Equal(4, coalescer.Waiting);
        work.GoOn(2);
        await Task.WhenAll(all);
        Assert.Equal([2, 4], work.Batches); // an idle engine begins at once, with what is there
        Assert.Equal([2, 4], first.Doubled);
        Assert.Equal([6], second.Doubled);
        Assert.Equal([8, 10, 12], third.Doubled);
    }

    [Fact]
    public async Task A_second_engine_begins_for_a_full_batch_and_for_who_has_waited()
    {
        var work = new Work();
        using Coalescer<Numbers> coalescer = work.Coalescer(capacity: 3, engines: 2, TimeSpan.FromMinutes(1));
        Task first = coalescer.Compute(new(1), _stop);
        await work.Begun(1);
        Task[] few = [coalescer.Compute(new(2), _stop), coalescer.Compute(new(3), _stop)];
        await Task.Delay(30, _stop);
        Assert.Equal(2, coalescer.Waiting); // the second engine is idle, and waits for more
        Task full = coalescer.Compute(new(4), _stop);
        await work.Begun(2);
        work.GoOn(2);
        await Task.WhenAll([first, full, .. few]);
        Assert.Equal([1, 3], work.Batches.Order());

        using Coalescer<Numbers> impatient = work.Coalescer(capacity: 3, engines: 2, TimeSpan.FromMilliseconds(1));
        Task[] both = [impatient.Compute(new(1), _stop)];
        await work.Begun(3);
        both = [.. both, impatient.Compute(new(2), _stop)];
        await work.Begun(4); // though the first one still computes
        work.GoOn(2);
        await Task.WhenAll(both);
    }

    [Fact]
    public async Task A_large_request_is_cut_and_others_do_not_wait_for_all_of_it()
    {
        var work = new Work();
        using Coalescer<Numbers> coalescer = work.Coalescer(capacity: 4, engines: 1);
        Task first = coalescer.Compute(new(0), _stop);
        await work.Begun(1);
        Numbers large = new([.. Enumerable.Range(0, 11)]), small = new(7);
        Task cut = coalescer.Compute(large, _stop), other = coalescer.Compute(small, _stop);
        work.GoOn(1);
        await work.Begun(2);
        work.GoOn(1);
        await work.Begun(3);
        Assert.False(other.IsCompleted);
        work.GoOn(1);
        await other;
        Assert.False(cut.IsCompleted); // 4 and 3 of its rows are done
        work.GoOn(1);
        await Task.WhenAll(first, cut);
        Assert.Equal([1, 4, 4, 4], work.Batches);
        Assert.Equal(Enumerable.Range(0, 11).Select(value => 2 * value), large.Doubled);
        Assert.Equal([14], small.Doubled);
    }

    [Fact]
    public async Task A_caller_who_goes_away_takes_his_rows_alone()
    {
        var work = new Work();
        using Coalescer<Numbers> coalescer = work.Coalescer(capacity: 10, engines: 1);
        Task first = coalescer.Compute(new(1), _stop);
        await work.Begun(1);
        using var gone = new CancellationTokenSource();
        Numbers stays = new(2, 3);
        Task left = coalescer.Compute(new(4, 5, 6), gone.Token), other = coalescer.Compute(stays, _stop);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        work.GoOn(2);
        await Task.WhenAll(first, other);
        Assert.Equal([1, 2], work.Batches);
        Assert.Equal([4, 6], stays.Doubled);
        Assert.Equal(0, coalescer.Waiting);
    }

    [Fact]
    public async Task Too_many_waiting_rows_are_refused_and_a_lone_large_request_is_not()
    {
        var work = new Work();
        using Coalescer<Numbers> coalescer = work.Coalescer(capacity: 10, engines: 1, mostWaiting: 5);
        Task first = coalescer.Compute(new([.. Enumerable.Range(0, 8)]), _stop);
        await work.Begun(1);
        Task second = coalescer.Compute(new(1, 2, 3), _stop);
        await Assert.ThrowsAsync<ServiceBusyException>(() => coalescer.Compute(new(4, 5, 6), _stop));
        Task third = coalescer.Compute(new(4, 5), _stop);
        work.GoOn(2);
        await Task.WhenAll(first, second, third);
        Assert.Equal([8, 5], work.Batches);
    }

    [Fact]
    public async Task Rows_that_cannot_be_computed_fail_by_themselves()
    {
        var work = new Work();
        using Coalescer<Numbers> coalescer = work.Coalescer(capacity: 10, engines: 1);
        Task first = coalescer.Compute(new(0), _stop);
        await work.Begun(1);
        Numbers good = new(1, 2), alsoGood = new(3);
        Task[] all = [coalescer.Compute(good, _stop), coalescer.Compute(new(-1), _stop), coalescer.Compute(alsoGood, _stop)];
        work.GoOn(10);
        await first;
        Assert.Contains("-1", (await Assert.ThrowsAsync<ArgumentException>(() => all[1])).Message, StringComparison.Ordinal);
        await all[0];
        await all[2];
        Assert.Equal([2, 4], good.Doubled);
        Assert.Equal([6], alsoGood.Doubled);
    }

    [Fact]
    public async Task Engines_are_kept_and_freed_at_the_end()
    {
        var work = new Work();
        work.GoOn(1_000);
        using (Coalescer<Numbers> coalescer = work.Coalescer(capacity: 10, engines: 2))
        {
            await Parallel.ForAsync(0, 500, _stop, async (i, stop) =>
            {
                Numbers numbers = new(i, i + 1);
                await coalescer.Compute(numbers, stop);
                Assert.Equal([2 * i, 2 * i + 2], numbers.Doubled);
            });
            await coalescer.Compute(new(), _stop); // no rows: nothing to do
        }
        Assert.InRange(work.Made, 1, 2);
        // the last one may still be on its way out of its batch
        for (int i = 0; i < 100 && work.Freed < work.Made; i++)
            await Task.Delay(10, _stop);
        Assert.Equal(work.Made, work.Freed);
        Assert.Equal(1_000, work.Batches.Sum());
    }

    /// <summary>Numbers to be doubled.</summary>
    private sealed class Numbers(params int[] values) : BatchRequest(values.Length)
    {
        public int[] Values => values;

        public int[] Doubled { get; } = new int[values.Length];
    }

    /// <summary>Engines that compute when they are told to.</summary>
    private sealed class Work
    {
        private readonly SemaphoreSlim _goOn = new(0), _begun = new(0);
        private readonly ConcurrentQueue<int> _batches = new();
        private int _made, _freed, _seen;

        public int[] Batches => [.. _batches];

        public int Made => _made;

        public int Freed => _freed;

        public Coalescer<Numbers> Coalescer(int capacity, int engines, TimeSpan? wait = null, int mostWaiting = 1_000)
            => new(capacity, engines, new BatchingOptions { MaxWait = wait ?? TimeSpan.FromSeconds(10), MaxWaitingRows = mostWaiting },
                () =>
                {
                    Interlocked.Increment(ref _made);
                    return new Engine(this, capacity);
                });

        public void GoOn(int batches) => _goOn.Release(batches);

        public async Task Begun(int batches)
        {
            for (; _seen < batches; _seen++)
                Assert.True(await _begun.WaitAsync(TimeSpan.FromSeconds(20)), $"Batch {batches} does not begin.");
        }

        private sealed class Engine(Work work, int capacity) : IBatchEngine<Numbers>
        {
            private readonly int[] _values = new int[capacity];

            public void Take(Numbers request, int from, int count, int place) => Array.Copy(request.Values, from, _values, place, count);

            public void Run(int rows)
            {
                work._begun.Release();
                Assert.True(work._goOn.Wait(TimeSpan.FromSeconds(20)), "Nobody says to go on.");
                if (_values.AsSpan(0, rows).Contains(-1))
                    throw new ArgumentException("-1 cannot be doubled.");
                for (int i = 0; i < rows; i++)
                    _values[i] *= 2;
                work._batches.Enqueue(rows);
            }

            public void Give(Numbers request, int from, int count, int place) => Array.Copy(_values, place, request.Doubled, from, count);

            public void Dispose() => Interlocked.Increment(ref work._freed);
        }
    }
}
