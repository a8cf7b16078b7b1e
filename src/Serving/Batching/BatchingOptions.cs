namespace RealNvp.ML.Serving;

/// <summary>How requests of many callers become batches.</summary>
/// <remarks>
/// A batch begins as soon as an engine has nothing to do, and takes what waits; while one computes, a further engine begins when there is a
/// full batch or when a request has waited for <see cref="MaxWait"/>. So a lone caller never waits, and under load batches grow by
/// themselves.
/// </remarks>
public sealed record BatchingOptions
{
    /// <summary>
    /// The most rows of a batch; null, the default, takes what the device does best: 1,024 of tables on a CPU, fewer of images.
    /// </summary>
    public int? MaxBatchRows { get; init; }

    /// <summary>
    /// How long a request waits for others while an engine computes and another is idle; a millisecond by default, 0 for not at all.
    /// </summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// The most rows that wait for one model: requests beyond are refused at once, rather than answered late. 65,536 by default. A request
    /// that finds nobody waiting is always taken.
    /// </summary>
    public int MaxWaitingRows { get; init; } = 65_536;

    /// <summary>
    /// The most batches of a model that are computed at the same time, each on a core; null, the default, takes
    /// <see cref="Transforms.RealNvpCores.Max"/>. A model whose calls take all cores, as of images, computes one at a time.
    /// </summary>
    public int? Engines { get; init; }

    /// <summary>The GPU to compute on, as <c>MLContext.GpuDeviceId</c>; null, the default, for the CPU.</summary>
    public int? GpuDeviceId { get; init; }

    /// <summary>Requires numbers that make sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is out of its range.</exception>
    internal BatchingOptions Checked()
    {
        AtLeastOne(MaxBatchRows, nameof(MaxBatchRows));
        AtLeastOne(MaxWaitingRows, nameof(MaxWaitingRows));
        AtLeastOne(Engines, nameof(Engines));
        if (MaxWait < TimeSpan.Zero || MaxWait > TimeSpan.FromMinutes(1))
            throw new ArgumentOutOfRangeException(nameof(MaxWait), MaxWait, $"{nameof(MaxWait)} is from 0 to a minute.");
        return this;
    }

    private static void AtLeastOne(int? value, string name)
    {
        if (value < 1)
            throw new ArgumentOutOfRangeException(name, value, $"{name} is 1 or more.");
    }
}
