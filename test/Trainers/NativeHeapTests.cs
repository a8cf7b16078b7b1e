using System.Runtime.InteropServices;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What training asks of the C library.</summary>
[Collection<Alone>]
public sealed partial class NativeHeapTests
{
    [Fact]
    public void Glibc_takes_the_options_and_training_gives_memory_back()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && !RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal),
            "only glibc has the options");
        var heap = new NativeHeap();
        Assert.True(heap.IsHeld);
        nint[] blocks = [.. Enumerable.Range(0, 4096).Select(_ => Touched(64 << 10))]; // 256 MiB
        Array.ForEach(blocks, Marshal.FreeHGlobal);
        long held = Resident();
        heap.Dispose();
        Assert.True(held - Resident() > 128 << 20, $"{held} bytes before, {Resident()} after");
    }

    [Fact]
    public void Two_trainings_hold_it_until_the_last_ends_and_then_all_is_as_it_was()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && !RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal),
            "only glibc has the options");
        NativeHeap first = new(), second = new();
        Assert.Equal(2, NativeHeap.Users);
        Assert.InRange(Mapped(50), 0, 10);
        first.Dispose();
        first.Dispose(); // counts once
        Assert.Equal(1, NativeHeap.Users);
        Assert.InRange(Mapped(50), 0, 10); // still held
        second.Dispose();
        Assert.Equal(0, NativeHeap.Users);
        Assert.InRange(Mapped(1000), 500, 1100); // as with glibc's own threshold; what is free in the heap is taken first
    }

    [Theory, InlineData(null, 1), InlineData(true, 1), InlineData(false, 0)]
    public void Training_holds_it_unless_told_otherwise(bool? keep, int expected)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && !RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal),
            "only glibc has the options");
        var users = new HashSet<int>();
        TrainingProcess.Fit(TrainingProcess.Table, null, options =>
            (options.Steps, options.Memory, options.Progress) =
                (10, new() { KeepNativeMemory = keep }, new Receiver(_ => users.Add(NativeHeap.Users))));
        Assert.Equal([expected], users);
        Assert.Equal(0, NativeHeap.Users);
    }

    /// <summary>How many of so many blocks of a mebibyte come from the system, each by itself.</summary>
    private static long Mapped(int count)
    {
        nuint before = Info().MappedBlocks;
        nint[] blocks = [.. Enumerable.Range(0, count).Select(_ => Marshal.AllocHGlobal(1 << 20))];
        nuint after = Info().MappedBlocks;
        Array.ForEach(blocks, Marshal.FreeHGlobal);
        return (long)after - (long)before;
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial MallocInfo Info();

    /// <summary>Of malloc.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MallocInfo
    {
        public nuint Arena, FreeBlocks, FastBlocks, MappedBlocks, MappedBytes, Unused, FastBytes, UsedBytes, FreeBytes, TopBytes;
    }

    private static nint Touched(int bytes)
    {
        nint block = Marshal.AllocHGlobal(bytes);
        for (int i = 0; i < bytes; i += 4096)
            Marshal.WriteByte(block, i, 1);
        return block;
    }

    private static long Resident()
        => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1],
        System.Globalization.CultureInfo.InvariantCulture) * Environment.SystemPageSize;
}
