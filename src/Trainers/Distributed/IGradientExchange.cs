using static TorchSharp.torch;

namespace RealNvp.ML.Trainers;

/// <summary>
/// What processes that train one flow together say to each other. Each process, a rank, has the same program, options and rows, and
/// computes its share of every batch; sums over all ranks make of that the gradient of the whole. <see cref="MpiExchange"/> is one over
/// MPI; one over NCCL would be another.
/// </summary>
/// <remarks>All ranks call the same methods in the same order, from one thread, with tensors of the same shape and type.</remarks>
public interface IGradientExchange
{
    /// <summary>The number of this process, from 0. Rank 0 writes checkpoints and reports progress.</summary>
    int Rank { get; }

    /// <summary>The number of processes.</summary>
    int Ranks { get; }

    /// <summary>Replaces a contiguous tensor of float32 or float64 by its sum over all ranks, bit for bit the same on each.</summary>
    void Sum(Tensor values);

    /// <summary>Replaces a contiguous tensor of float32, float64 or int64 by that of rank 0.</summary>
    void Broadcast(Tensor values);

    /// <summary>Ends all ranks with a message: this one cannot go on, and the others would wait for it.</summary>
    void Abort(string message);
}
