using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Distributed;

/// <summary>
/// A training over several processes: each computes its rows of every batch, and one flat buffer of all gradients is summed after the way
/// back. Every process then takes the same step.
/// </summary>
internal sealed class DataParallel
{
    // Constant text, because an error in a script aborts the process: the tests of training in several processes are what keeps it right.
    private const string Script = """
        def joined(gradients: List[Tensor], more: Tensor) -> Tensor:
            flat: List[Tensor] = []
            for gradient in gradients:
                flat.append(gradient.reshape(-1))
            flat.append(more)
            return torch.cat(flat)

        def cut(gradients: List[Tensor], joined: Tensor) -> Tensor:
            at = 0
            parts: List[Tensor] = []
            for gradient in gradients:
                parts.append(joined.narrow(0, at, gradient.numel()).view(gradient.shape))
                at += gradient.numel()
            torch._foreach_copy_(gradients, parts)
            return joined.narrow(0, at, joined.numel() - at)

        """;

    private static readonly Lazy<jit.CompilationUnit> s_script = new(() => jit.compile(Script));
    private static readonly Scalar s_one = 1.0.ToScalar();

    private readonly IGradientExchange _exchange;
    private readonly Tensor[] _parameters;
    private readonly Scalar _minusShare; // of one process

    /// <summary>A training of parameters.</summary>
    /// <param name="exchange">Between the processes.</param>
    /// <param name="parameters">Of the flow.</param>
    /// <param name="batchSize">Rows of a batch.</param>
    /// <exception cref="ArgumentException">There are fewer of these than processes.</exception>
    public DataParallel(IGradientExchange exchange, IEnumerable<Tensor> parameters, int batchSize)
    {
        if (batchSize < exchange.Ranks)
        {
            throw new ArgumentException($"A batch has {batchSize} rows, which {exchange.Ranks} processes cannot share: raise BatchSize, or "
                + "start fewer.");
        }
        _exchange = exchange;
        _parameters = [.. parameters];
        _minusShare = (-1.0 / exchange.Ranks).ToScalar();
    }

    /// <summary>Whether any process was asked to stop, as of the last step.</summary>
    public bool IsCancelled { get; private set; }

    /// <summary>
    /// The gradients of the loss of a batch; that loss, which is the negative mean of the log-likelihoods of all rows but the
    /// least likely ones; and what is typical: the mean over the processes of the median of their rows, negative too.
    /// </summary>
    /// <param name="batch">All rows of the batch, the same on every process.</param>
    /// <param name="trimmed">How many of them are left out.</param>
    /// <param name="logLikelihood">Of rows.</param>
    /// <param name="cancelled">Whether this process was asked to stop.</param>
    public (Tensor Loss, Tensor Typical) Backward(
        Tensor batch, long trimmed, Func<Tensor, Tensor> logLikelihood, bool cancelled)
    {
        using var shard = new RowShard(_exchange, batch.shape[0]);
        Tensor own = logLikelihood(RowShard.Own(batch));
        Tensor all = trimmed > 0 ? Kept(own.detach(), shard, trimmed) : ones(batch.shape[0], dtype: own.dtype, device: own.device);
        Tensor loss = -(own * RowShard.Own(all)).sum() / all.sum();
        loss.backward();
        using IDisposable guard = no_grad();
        Tensor flags = tensor(new[] { cancelled ? 1f : 0 }, device: own.device);
        Tensor typical = (own.detach().median() * _minusShare).reshape(1);
        Tensor[] gradients = Array.ConvertAll(_parameters, parameter => parameter.grad!);
        var joined = (Tensor)s_script.Value.invoke("joined", gradients, cat([loss.detach().reshape(1), typical, flags]));
        _exchange.Sum(joined);
        var more = (Tensor)s_script.Value.invoke("cut", gradients, joined);
        IsCancelled = more[2].item<float>() > 0;
        return (more[0], more[1]);
    }

    /// <summary>Sums over rows of which this process takes a part.</summary>
    /// <param name="rows">Rows in all.</param>
    /// <param name="sums">Adds those of a run of rows, given its first and its number, to a tensor.</param>
    /// <param name="total">The tensor.</param>
    public void Total(long rows, Action<long, long> sums, Tensor total)
    {
        (long first, long end) = (rows * _exchange.Rank / _exchange.Ranks, rows * (_exchange.Rank + 1) / _exchange.Ranks);
        sums(first, end - first);
        _exchange.Sum(total);
    }

    /// <summary>Gives every process the state of the first: processors of other makes round otherwise.</summary>
    public void Agree(IEnumerable<Tensor> state)
    {
        using IDisposable guard = no_grad();
        foreach (Tensor tensor in state)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor values = tensor.detach().contiguous();
            _exchange.Broadcast(values);
            tensor.copy_(values);
        }
    }

    /// <summary>What the first process says.</summary>
    public double Agreed(double value)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor held = tensor(new[] { value }, device: CPU);
        _exchange.Broadcast(held);
        return held.item<double>();
    }

    /// <summary>Requires that all processes begin alike.</summary>
    /// <param name="what">Numbers that must be the same, by name.</param>
    /// <exception cref="InvalidOperationException">They are not.</exception>
    public void RequireSame(params (string Name, long Value)[] what)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor first = tensor(what.Select(one => one.Value).ToArray(), device: CPU);
        _exchange.Broadcast(first);
        string[] other = [.. what.Zip(first.data<long>()).Where(pair => pair.First.Value != pair.Second).Select(pair => pair.First.Name)];
        Tensor others = tensor(new[] { (double)other.Length }, device: CPU);
        _exchange.Sum(others);
        if (others.item<double>() == 0)
            return;
        string which = other.Length > 0 ? $"{string.Join(" and ", other)} of rank {_exchange.Rank} differ from those of rank 0"
            : "another rank differs from rank 0";
        throw new InvalidOperationException($"The processes do not train the same: {which}. Give all of them the same options, Seed and "
            + "rows, and a checkpoint folder that all of them see.");
    }

    /// <summary>Ones for the rows that count, and zeros for as many of the least likely as are to be left out.</summary>
    private Tensor Kept(Tensor own, RowShard shard, long trimmed)
    {
        Tensor all = zeros(shard.All, dtype: own.dtype, device: own.device);
        all.narrow(0, shard.First, shard.Count).copy_(own);
        _exchange.Sum(all);
        (_, Tensor kept) = all.topk((int)(shard.All - trimmed), sorted: false);
        return zeros_like(all).index_fill_(0, kept, s_one);
    }
}
