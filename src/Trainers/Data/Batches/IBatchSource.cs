using RealNvp.ML.Trainers.Checkpoints;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>The batches of a training run, without end.</summary>
internal interface IBatchSource : IDisposable
{
    /// <summary>Rows per batch.</summary>
    int BatchSize { get; }

    /// <summary>Passes over the rows after this many batches.</summary>
    double Epochs(long batches);

    /// <summary>
    /// The next batch, on the device, in the scope of the caller: [BatchSize, D]. A row with a weight comes as often as that says.
    /// </summary>
    Tensor Next();

    /// <summary>Records where the source is.</summary>
    void Save(Checkpoint checkpoint);

    /// <summary>Goes to where a source of the same rows was.</summary>
    void Restore(Checkpoint checkpoint);
}
