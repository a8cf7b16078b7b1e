using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers.Distributed;

/// <summary>Ranks that are threads of this process: an exchange that needs no MPI, and shows that another kind is easily made.</summary>
internal sealed class ThreadExchange : IGradientExchange
{
    private readonly Shared _shared;

    private ThreadExchange(Shared shared, int rank) => (_shared, Rank) = (shared, rank);

    public int Rank { get; }

    public int Ranks => _shared.Values.Length;

    /// <summary>Does work on so many threads, one for each rank, and gives what they yield.</summary>
    public static FlowModel[] Run(int ranks, Func<IGradientExchange, FlowModel> work)
    {
        using var shared = new Shared(ranks);
        var results = new FlowModel[ranks];
        var errors = new Exception?[ranks];
        Thread[] threads = [.. Enumerable.Range(0, ranks).Select(rank => new Thread(() =>
        {
            try
            {
                results[rank] = work(new ThreadExchange(shared, rank));
            }
            catch (Exception e)
            {
                errors[rank] = e;
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return errors.All(error => error is null) ? results : throw new AggregateException(errors.OfType<Exception>());
    }

    public void Sum(Tensor values) => Meet(values, all =>
    {
        Tensor sum = all[0].clone();
        foreach (Tensor other in all[1..])
            sum.add_(other);
        return sum;
    });

    public void Broadcast(Tensor values) => Meet(values, all => all[0].clone());

    public void Abort(string message) => _shared.Stop.Cancel();

    private void Meet(Tensor values, Func<Tensor[], Tensor> combine)
    {
        Assert.True(values.is_contiguous());
        using DisposeScope scope = NewDisposeScope();
        _shared.Values[Rank] = values;
        _shared.Barrier.SignalAndWait(_shared.Stop.Token);
        Tensor result = combine(_shared.Values);
        _shared.Barrier.SignalAndWait(_shared.Stop.Token);
        values.copy_(result);
    }

    private sealed class Shared(int ranks) : IDisposable
    {
        public Tensor[] Values { get; } = new Tensor[ranks];

        public Barrier Barrier { get; } = new(ranks);

        public CancellationTokenSource Stop { get; } = new();

        public void Dispose()
        {
            Barrier.Dispose();
            Stop.Dispose();
        }
    }
}
