using System.Globalization;

namespace RealNvp.ML.Bench.Running;

/// <summary>The most memory that this process has had since the last look, as Linux counts it.</summary>
internal static class PeakMemory
{
    /// <summary>Begins to count anew.</summary>
    public static void Reset()
    {
        if (OperatingSystem.IsLinux())
            File.WriteAllText("/proc/self/clear_refs", "5"); // proc(5): the peak resident set size becomes the present one
    }

    /// <summary>MiB; NaN on other systems.</summary>
    public static double MiB() => !OperatingSystem.IsLinux() ? double.NaN
        : double.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024;
}
