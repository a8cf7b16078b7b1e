using RealNvp.ML.Serving;

namespace RealNvp.ML.AspNetCore;

/// <summary>What a service of flows serves, and how much it takes from a caller.</summary>
public sealed class RealNvpServiceOptions
{
    /// <summary>
    /// The models: paths of files and folders, or NAME=PATH, as of <see cref="FolderStore"/>. Not read where the application has registered
    /// an <see cref="IFlowStore"/> of its own.
    /// </summary>
    public IList<string> Models { get; } = [];

    /// <summary>How requests of many callers become batches.</summary>
    public BatchingOptions Batching { get; set; } = new();

    /// <summary>How often files are looked at; a second by default.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The largest body of a request, in bytes: 8 MiB by default. A larger one is answered with 413.</summary>
    public long MaxBodyBytes { get; set; } = 8 << 20;

    /// <summary>The most rows of a request to score: 16,384 by default. More are answered with 413.</summary>
    public int MaxRows { get; set; } = 16_384;

    /// <summary>The most rows that a request may have drawn: 100,000 by default.</summary>
    public int MaxDrawnRows { get; set; } = 100_000;

    /// <summary>Requires numbers that make sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is out of its range.</exception>
    internal RealNvpServiceOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxBodyBytes, 1, nameof(MaxBodyBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRows, 1, nameof(MaxRows));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDrawnRows, 1, nameof(MaxDrawnRows));
        if (PollInterval < TimeSpan.FromMilliseconds(1) || PollInterval > TimeSpan.FromDays(1))
            throw new ArgumentOutOfRangeException(nameof(PollInterval), PollInterval, "From a millisecond to a day.");
        return this;
    }
}
