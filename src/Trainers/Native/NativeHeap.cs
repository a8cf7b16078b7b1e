using System.Runtime.InteropServices;

namespace RealNvp.ML.Trainers.Native;

/// <summary>
/// Keeps glibc from handing memory back to the system after every training step and faulting it in again in the next, which takes up to
/// a third of the time where tensors are large. The settings are the process's: the first training that runs makes them, and with the
/// last one that ends they are glibc's own again (which it then no longer adapts), and the process gives back what it no longer needs.
/// Other C libraries are left as they are, and so is a process whose environment sets any of them.
/// </summary>
internal sealed partial class NativeHeap : IDisposable
{
    // of malloc.h
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;

    /// <summary>What glibc begins with; it has no way to ask for what is set.</summary>
    private const int Usual = 128 << 10;

    private static readonly Lock s_lock = new();
    private bool _held;

    /// <summary>Holds the memory, until disposed of.</summary>
    public NativeHeap()
    {
        lock (s_lock)
        {
            if (Users == 0 && !Set())
                return;
            _held = true;
            Users++;
        }
    }

    /// <summary>How many hold the memory.</summary>
    public static int Users { get; private set; }

    /// <summary>Whether the C library took the options.</summary>
    public bool IsHeld => _held;

    public void Dispose()
    {
        lock (s_lock)
        {
            if (!_held)
                return;
            _held = false;
            if (--Users > 0)
                return;
            SetOption(MmapThreshold, Usual);
            SetOption(TrimThreshold, Usual);
            SetOption(TopPad, Usual);
            Trim(0);
        }
    }

    private static bool Set()
    {
        if (!OperatingSystem.IsLinux() || IsChosen("MALLOC_MMAP_THRESHOLD_") || IsChosen("MALLOC_TRIM_THRESHOLD_")
            || IsChosen("MALLOC_TOP_PAD_")
            || (Environment.GetEnvironmentVariable("GLIBC_TUNABLES")?.Contains("glibc.malloc.", StringComparison.Ordinal) ?? false))
        {
            return false;
        }
        try
        {
            // the largest threshold that glibc takes: blocks beyond it still come from the system and go back
            return SetOption(MmapThreshold, 32 << 20) != 0 && SetOption(TrimThreshold, int.MaxValue) != 0
                && SetOption(TopPad, 64 << 20) != 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false; // musl and others have no such options, and need none
        }
    }

    private static bool IsChosen(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 };

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
