namespace RealNvp.ML.Trainers;

/// <summary>What a training holds in memory.</summary>
public sealed record MemoryOptions
{
    /// <summary>
    /// Training rows of up to this size, in bytes of float32, are held in memory, on the training device; never more than 8 GiB. Larger
    /// data streams from its source in every pass, through a shuffle pool; the source must give the same rows each time. 640 MiB by
    /// default, which holds CIFAR-10; 0 streams always.
    /// </summary>
    public long ResidentLimit { get; init; } = 640L << 20;

    /// <summary>The rows from which a streamed batch is drawn at random; 65,536 by default.</summary>
    public int ShufflePool { get; init; } = 1 << 16;

    /// <summary>
    /// Whether glibc's malloc keeps freed memory for as long as trainings run, instead of handing it back after every step, which takes up
    /// to a third of the time of large flows. A setting of the process, made anew for the first training and undone after the last. Null,
    /// the default, and true keep it, except for a process whose environment sets malloc's thresholds; false leaves malloc alone, for hosts
    /// that tune it themselves.
    /// </summary>
    public bool? KeepNativeMemory { get; init; }

    internal void Check()
    {
        const string Group = nameof(RealNvpTrainer.Options.Memory);
        OptionRange.Require(ResidentLimit >= 0, Group, nameof(ResidentLimit), ResidentLimit, "0 or more");
        OptionRange.Require(ShufflePool >= 1, Group, nameof(ShufflePool), ShufflePool, "1 or more");
    }
}
