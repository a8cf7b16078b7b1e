using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>Sets libtorch's number of threads for as long as it lives; the setting is the process's.</summary>
internal sealed class TorchThreads : IDisposable
{
    private int? _before;

    /// <summary>Sets the number, or leaves it as it is.</summary>
    public TorchThreads(int? threads)
    {
        if (threads is { } count)
            Set(count);
    }

    /// <summary>Sets the number.</summary>
    public void Set(int count)
    {
        _before ??= get_num_threads();
        set_num_threads(count);
    }

    public void Dispose()
    {
        if (_before is { } count)
            set_num_threads(count);
    }
}
