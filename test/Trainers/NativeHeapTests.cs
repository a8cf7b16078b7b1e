using System.Runtime.InteropServices;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What training asks of the C library.</summary>
public sealed class NativeHeapTests
{
    [Fact]
    public void Glibc_takes_the_options_and_training_gives_memory_back()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && !RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal), "only glibc has the options");
        var heap = new NativeHeap();
        Assert.True(heap.IsHeld);
        nint[] blocks = [.. Enumerable.Range(0, 4096).Select(_ => Touched(64 << 10))]; // 256 MiB
        Array.ForEach(blocks, Marshal.FreeHGlobal);
        long held = Resident();
        heap.Dispose();
        Assert.True(held - Resident() > 128 << 20, $"{held} bytes before, {Resident()} after");
    }

    private static nint Touched(int bytes)
    {
        nint block = Marshal.AllocHGlobal(bytes);
        for (int i = 0; i < bytes; i += 4096)
            Marshal.WriteByte(block, i, 1);
        return block;
    }

    private static long Resident() => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture) * Environment.SystemPageSize;
}
