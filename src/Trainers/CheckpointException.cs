using RealNvp.ML.Export;

namespace RealNvp.ML.Trainers;

/// <summary>
/// The last checkpoint of a training could not be written: a disk is full, or a folder is gone. Training goes on without, with a warning
/// and a new try at every interval, and says so at its end.
/// </summary>
public sealed class CheckpointException : IOException
{
    internal CheckpointException(string message, FlowModel model, Exception inner) : base(message, inner) => Model = model;

    /// <summary>The trained and calibrated flow: to be saved, and put into pipelines with ApplyRealNvp.</summary>
    public FlowModel Model { get; }
}
