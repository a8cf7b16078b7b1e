using System.Globalization;
using System.Runtime.InteropServices;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>Which cores the calling thread, and the threads that it starts, may run on. Linux only.</summary>
internal static class Affinity
{
    private const int Bytes = 128; // 1,024 cores, as glibc has it

    /// <summary>The cores that this process may use, one of each physical core before their second threads.</summary>
    public static int[] Allowed()
    {
        var mask = new byte[Bytes];
        if (!OperatingSystem.IsLinux() || Get(0, Bytes, mask) != 0)
            return [];
        int[] cores = [.. Enumerable.Range(0, 8 * Bytes).Where(core => (mask[core / 8] >> (core % 8) & 1) != 0)];
        // a container may see more cores than it is given time on
        return [.. cores.OrderBy(Rank).ThenBy(core => core).Take(Environment.ProcessorCount)];
    }

    /// <summary>Restricts the calling thread.</summary>
    public static void Restrict(ReadOnlySpan<int> cores)
    {
        var mask = new byte[Bytes];
        foreach (int core in cores)
            mask[core / 8] |= (byte)(1 << (core % 8));
        if (Set(0, Bytes, mask) != 0)
            throw new InvalidOperationException($"The system does not restrict threads to cores (error {Marshal.GetLastPInvokeError()}).");
    }

    /// <summary>Which thread of its physical core this is; 0 where that is not known.</summary>
    private static int Rank(int core)
    {
        string file = $"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"; // "0,8" or "0-1"
        if (!File.Exists(file))
            return 0;
        string[] parts = File.ReadAllText(file).Trim().Split(',', '-');
        return Math.Max(0, Array.IndexOf(parts, core.ToString(CultureInfo.InvariantCulture)));
    }

    [DllImport("libc", EntryPoint = "sched_getaffinity")]
    private static extern int Get(int thread, nint bytes, byte[] mask);

    [DllImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static extern int Set(int thread, nint bytes, byte[] mask);
}
