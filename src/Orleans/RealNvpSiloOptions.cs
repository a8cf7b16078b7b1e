using RealNvp.ML.Serving;

namespace RealNvp.ML.Orleans;

/// <summary>What a silo serves, and how much it takes from a caller.</summary>
public sealed class RealNvpSiloOptions
{
    /// <summary>
    /// The models: paths of files and folders, or NAME=PATH, as of <see cref="FolderStore"/>. Not read where the application has registered
    /// an <see cref="IFlowStore"/> of its own. Every silo needs the same.
    /// </summary>
    public IList<string> Models { get; } = [];

    /// <summary>How requests of many callers become batches in a silo.</summary>
    public BatchingOptions Batching { get; set; } = new();

    /// <summary>How often the files of loaded models are looked at; a second by default.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// After what time without a request a silo lets go of a model; 15 minutes by default. Longer than the silo's
    /// <c>GrainCollectionOptions.CollectionQuantum</c>, a minute unless it is set.
    /// </summary>
    public TimeSpan IdleAfter { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>The most rows of a request to score: 16,384 by default.</summary>
    public int MaxRows { get; set; } = 16_384;

    /// <summary>The most rows that a request may have drawn: 100,000 by default.</summary>
    public int MaxDrawnRows { get; set; } = 100_000;

    /// <summary>Requires numbers that make sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is out of its range.</exception>
    internal RealNvpSiloOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRows, 1, nameof(MaxRows));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDrawnRows, 1, nameof(MaxDrawnRows));
        if (PollInterval < TimeSpan.FromMilliseconds(1) || PollInterval > TimeSpan.FromDays(1))
            throw new ArgumentOutOfRangeException(nameof(PollInterval), PollInterval, "From a millisecond to a day.");
        return this;
    }
}
