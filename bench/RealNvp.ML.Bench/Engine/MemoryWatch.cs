using System.Globalization;

namespace RealNvp.ML.Bench.Engine;

/// <summary>Readings of a training run's memory, and whether it stayed what it was once the run was warm.</summary>
internal sealed class MemoryWatch
{
    /// <summary>The share of the readings, at the start, that may differ: caches fill, and code is compiled.</summary>
    private const double WarmUp = 0.2;

    /// <summary>Resident memory may wander by this much: the garbage collector's heaps breathe.</summary>
    private const double Share = 0.03;

    private const long Slack = 24L << 20;

    private readonly List<Reading> _readings = [];

    /// <summary>All readings, in order.</summary>
    public IReadOnlyList<Reading> Readings => _readings;

    /// <summary>The readings after the warm-up.</summary>
    public IReadOnlyList<Reading> Warm => _readings[(int)Math.Ceiling(WarmUp * _readings.Count)..];

    /// <summary>Adds a reading.</summary>
    public void Add(Reading reading) => _readings.Add(reading);

    /// <summary>
    /// Why memory did not stay flat, or null where it did: no later reading may have more live tensors than the first warm one, and the
    /// middle of the last quarter of the warm readings may not be above the middle of their first quarter by more than 3 % and 24 MiB.
    /// </summary>
    public string? Growth()
    {
        IReadOnlyList<Reading> warm = Warm;
        int quarter = warm.Count / 4;
        if (quarter == 0)
            throw new InvalidOperationException($"{_readings.Count} readings are too few, expected 5 or more.");
        if (warm.FirstOrDefault(reading => reading.Tensors > warm[0].Tensors) is { } more)
            return string.Create(CultureInfo.InvariantCulture,
                $"{warm[0].Tensors} live tensors at step {warm[0].Step} became {more.Tensors} at step {more.Step}.");
        long first = Median(warm.Take(quarter)), last = Median(warm.TakeLast(quarter));
        if (last > first * (1 + Share) + Slack)
            return string.Create(CultureInfo.InvariantCulture,
                $"{first >> 20} MiB of resident memory in the first quarter became {last >> 20} MiB in the last.");
        return null;
    }

    private static long Median(IEnumerable<Reading> readings)
    {
        long[] sorted = [.. readings.Select(reading => reading.Resident).Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>What was seen after a step.</summary>
    /// <param name="Step">The optimizer step.</param>
    /// <param name="Tensors">Live tensors.</param>
    /// <param name="Resident">Bytes of resident memory.</param>
    internal sealed record Reading(long Step, long Tensors, long Resident);
}
