using System.Runtime.InteropServices;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Distributed;

/// <summary>
/// The share of a batch that this process computes, for as long as it lives the one of its thread. What is drawn for rows is drawn for all
/// rows of the batch and cut, so that a row has its noise wherever it is computed; what is averaged over rows is averaged over those of all
/// processes.
/// </summary>
internal sealed class RowShard : IDisposable
{
    [ThreadStatic]
    private static RowShard? s_current;

    private readonly IGradientExchange _exchange;
    private readonly Scalar _share;
    private Tensor? _held;

    /// <summary>The share of a batch of this many rows.</summary>
    public RowShard(IGradientExchange exchange, long rows)
    {
        _exchange = exchange;
        All = rows;
        First = rows * exchange.Rank / exchange.Ranks;
        Count = rows * (exchange.Rank + 1) / exchange.Ranks - First;
        _share = ((double)Count / rows).ToScalar();
        s_current = this;
    }

    /// <summary>The one of this thread; null outside the steps of a training over several processes.</summary>
    public static RowShard? Current => s_current;

    /// <summary>Rows of the batch.</summary>
    public long All { get; }

    /// <summary>The first own one.</summary>
    public long First { get; }

    /// <summary>The number of own ones.</summary>
    public long Count { get; }

    /// <summary>How many rows to draw where this many are the own ones.</summary>
    public static long Drawn(long rows) => s_current?.All ?? rows;

    /// <summary>Of what was drawn for <see cref="Drawn"/> rows, that of the own ones.</summary>
    public static Tensor Own(Tensor drawn) => s_current is { } shard ? drawn.narrow(0, shard.First, shard.Count) : drawn;

    /// <summary>Of a mean over the own rows, that over all; with gradient.</summary>
    public static Tensor Averaged(Tensor mean) => s_current is { } shard ? shard.Sum(mean * shard._share) : mean;

    /// <summary>Replaces numbers by their sums over all processes.</summary>
    public void Add(double[] own)
    {
        using Tensor held = tensor(own, device: CPU);
        _exchange.Sum(held);
        MemoryMarshal.Cast<byte, double>(held.bytes).CopyTo(own);
    }

    /// <summary>
    /// Holds a gradient that libtorch is about to take, and lets go of the last one, which it has taken: held for the rest of a step, all
    /// of them would go through fresh memory instead of through the caches.
    /// </summary>
    public void HoldUntilNext(Tensor? gradient)
    {
        _held?.Dispose();
        _held = gradient;
    }

    public void Dispose()
    {
        HoldUntilNext(null);
        s_current = null;
        _share.Dispose();
    }

    private Tensor Sum(Tensor own) => Summed.apply(own, _exchange);

    /// <summary>A sum over processes. What each loss, a share of the whole one, asks of the sum adds up in the gradient.</summary>
    private sealed class Summed : autograd.SingleTensorFunction<Summed>
    {
        private const string Exchange = "exchange";

        public override string Name => nameof(Summed);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            ctx.save_data(Exchange, vars[1]);
            return Over((IGradientExchange)vars[1], (Tensor)vars[0]);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
            => [Over((IGradientExchange)ctx.get_data(Exchange), grad_output), null!];

        public static Tensor Over(IGradientExchange exchange, Tensor own)
        {
            using IDisposable guard = no_grad();
            Tensor sum = own.detach().clone().contiguous();
            exchange.Sum(sum);
            return sum;
        }
    }
}
