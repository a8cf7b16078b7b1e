using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Designs;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// A training run with every choice made; only its rows are still missing, of which <see cref="Plan"/> takes the number.
/// </summary>
internal sealed record RunSettings
{
    /// <summary>Which rows are read, and how.</summary>
    public required RowSettings Rows { get; init; }

    /// <summary>What the flow consists of.</summary>
    public required FlowDesign Design { get; init; }

    /// <summary>The numbers of the training of this many rows.</summary>
    public required Func<TrainingData, TrainingPlan> Plan { get; init; }

    /// <summary>The number of flows.</summary>
    public required int Members { get; init; }

    /// <summary>How many of them train side by side.</summary>
    public required int MembersAtOnce { get; init; }

    /// <summary>With which other processes it trains; null for none.</summary>
    public required IGradientExchange? Exchange { get; init; }

    public required int Seed { get; init; }

    public required Device Device { get; init; }

    /// <summary>libtorch's threads, of each of these; null leaves the process's setting alone.</summary>
    public required int? Threads { get; init; }

    /// <summary>Whether the C library keeps freed memory while the run lasts.</summary>
    public required bool KeepsNativeMemory { get; init; }

    /// <summary>The share of rows to flag.</summary>
    public required double Contamination { get; init; }

    /// <summary>Whether the score map is calibrated too.</summary>
    public required bool CalibratesScoreMap { get; init; }

    /// <summary>The folder of checkpoints; null for none.</summary>
    public required string? CheckpointFolder { get; init; }

    /// <summary>Steps between checkpoints.</summary>
    public required int CheckpointInterval { get; init; }

    /// <summary>Receives the step of each checkpoint that is written.</summary>
    public required IProgress<long>? CheckpointSaved { get; init; }

    /// <summary>Whether the run goes on from the folder's newest checkpoint.</summary>
    public required bool Resumes { get; init; }

    /// <summary>The folder of event files; null for none.</summary>
    public required string? TensorBoardFolder { get; init; }

    /// <summary>Receives progress, where someone asks for it.</summary>
    public required IProgress<TrainingProgress>? Progress { get; init; }

    /// <summary>Stops the training.</summary>
    public required CancellationToken Cancellation { get; init; }

    /// <summary>Whether a cancelled run ends with the best model so far instead of an exception.</summary>
    public required bool CancelGivesBest { get; init; }

    /// <summary>Whether this process writes what the run leaves.</summary>
    public bool Writes => Exchange is not { Rank: > 0 };

    /// <summary>What stops all that comes after the training.</summary>
    public CancellationToken CancellationOfTheEnd => CancelGivesBest ? CancellationToken.None : Cancellation;
}
