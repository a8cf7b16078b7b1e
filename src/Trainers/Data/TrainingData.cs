using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;

namespace RealNvp.ML.Trainers.Data;

/// <summary>
/// The rows of a training run in their slices: those to train on, held or streamed; those that choose the best model; those that calibrate.
/// </summary>
internal sealed class TrainingData : IDisposable
{
    /// <summary>The number of rows to train on.</summary>
    public required long TrainingCount { get; init; }

    /// <summary>How many of them are no copies of others; all where rows repeat by nature, or stream.</summary>
    public required long DifferentRows { get; init; }

    /// <summary>Rows left out for a NaN or infinite value.</summary>
    public required long Skipped { get; init; }

    /// <summary>What the training rows say of the columns.</summary>
    public required ColumnFacts Facts { get; init; }

    /// <summary>
    /// Rows to train on, for running statistics and for the final likelihood: all of them where they are held, a random sample where they
    /// stream.
    /// </summary>
    public required DeviceRows Sample { get; init; }

    /// <summary>The rows that choose the best model, if any.</summary>
    public required DeviceRows? Validation { get; init; }

    /// <summary>The rows that calibrate, row-major, each with its condition after its features.</summary>
    public required float[] Calibration { get; init; }

    /// <summary>Begins to draw batches of a size, by a seed or a source of random numbers.</summary>
    public required Func<int, int, DeviceRandom, IBatchSource> OpenBatches { get; init; }

    /// <summary>Whether training rows stream from their source.</summary>
    public required bool IsStreamed { get; init; }

    public void Dispose()
    {
        Sample.Dispose();
        Validation?.Dispose();
    }
}
