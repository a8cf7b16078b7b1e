using RealNvp.ML.Bench.Engine;

namespace RealNvp.ML.Bench.Survival;

/// <summary>How far the resident memory of this process rises above where it began; on Linux, 0 elsewhere.</summary>
internal static class MemoryPeak
{
    private const string Reset = "/proc/self/clear_refs";

    private static long s_begin;

    /// <summary>The rise since <see cref="Begin"/>, in bytes.</summary>
    public static long Rise => File.Exists(Reset) ? ProcessMemory.Peak - s_begin : 0;

    /// <summary>Forgets the peak so far.</summary>
    public static void Begin()
    {
        if (!File.Exists(Reset))
            return;
        File.WriteAllText(Reset, "5"); // proc(5): the peak is the present size again
        s_begin = ProcessMemory.Resident;
    }
}
