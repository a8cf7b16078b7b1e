namespace RealNvp.ML.Trainers;

/// <summary>
/// A folder for checkpoints, one training run per folder. A checkpoint holds all that the rest of the run depends on: with
/// <see cref="Resume"/> a run that was killed ends in the same weights as one that was not, bit for bit on the CPU.
/// </summary>
/// <param name="Folder">The folder; made where it is missing.</param>
public sealed record CheckpointOptions(string Folder)
{
    /// <summary>Steps between checkpoints; 500 by default.</summary>
    public int Interval { get; init; } = 500;

    /// <summary>
    /// Whether the run goes on from the newest whole checkpoint of the folder, with the thread count that it records; from the start where
    /// there is none. Options and rows must be those of the run that wrote it. False by default: a folder with checkpoints is refused.
    /// </summary>
    /// <remarks>
    /// Only how long it trains may be another: with more <see cref="RealNvpTrainer.Options.Steps"/> (or
    /// <see cref="RealNvpTrainer.Options.Epochs"/>) than are done, a run goes on that was stopped, had stopped early or was finished, from
    /// its last weights and the state of the optimizer, its patience anew (<see cref="RealNvpTrainer.Options.Patience"/> may be another
    /// too). Its learning rate is from there on what a run of as many steps has at that step: after a cosine that had come to 0 it rises
    /// again.
    /// </remarks>
    public bool Resume { get; init; }

    /// <summary>
    /// Receives the step of each checkpoint once it is written, of several members one call at a time: the moment for
    /// <c>FlowModel.FromCheckpoint</c>. Called on the training thread, which waits; what it throws ends the training.
    /// </summary>
    public IProgress<long>? Saved { get; init; }

    internal void Check()
    {
        const string Group = nameof(RealNvpTrainer.Options.Checkpoints);
        OptionRange.Require(!string.IsNullOrWhiteSpace(Folder), Group, nameof(Folder), Folder, "the path of a folder");
        OptionRange.Require(Interval >= 1, Group, nameof(Interval), Interval, "1 or more");
    }
}
