using System.Runtime.InteropServices;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// Keeps glibc from handing memory back to the system behind every training step and faulting it in again in the next, which takes up to a third of the time
/// where tensors are large. Afterwards the process gives back what it no longer needs. Other C libraries are left as they are.
/// </summary>
internal sealed partial class NativeHeap : IDisposable
{
    // of malloc.h
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;
    private const int UsualTrimThreshold = 128 << 10, UsualTopPad = 128 << 10;

    private readonly bool _held;

    /// <summary>Holds the memory, until disposed of.</summary>
    public NativeHeap()
    {
        try
        {
            // the largest threshold that glibc takes: blocks beyond it still come from the system and go back
            _held = OperatingSystem.IsLinux() && SetOption(MmapThreshold, 32 << 20) != 0 && SetOption(TrimThreshold, int.MaxValue) != 0 && SetOption(TopPad, 64 << 20) != 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // musl and others have no such options, and need none
        }
    }

    /// <summary>Whether the C library took the options.</summary>
    public bool IsHeld => _held;

    public void Dispose()
    {
        if (!_held)
            return;
        SetOption(TrimThreshold, UsualTrimThreshold);
        SetOption(TopPad, UsualTopPad);
        Trim(0);
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
