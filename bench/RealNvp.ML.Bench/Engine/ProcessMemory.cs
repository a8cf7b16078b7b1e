using System.Diagnostics;
using System.Globalization;

namespace RealNvp.ML.Bench.Engine;

/// <summary>What this process has in memory, in bytes, as the system counts it.</summary>
internal static class ProcessMemory
{
    private const string Status = "/proc/self/status";

    /// <summary>Resident now.</summary>
    public static long Resident => Field("VmRSS") ?? Environment.WorkingSet;

    /// <summary>The most that ever was resident.</summary>
    public static long Peak => Field("VmHWM") ?? PeakWorkingSet();

    private static long? Field(string name)
    {
        if (!File.Exists(Status))
            return null;
        string line = File.ReadLines(Status).First(line => line.StartsWith(name + ":", StringComparison.Ordinal)); // "VmHWM:   123456 kB"
        return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private static long PeakWorkingSet()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64;
    }
}
