using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Sets libtorch's number of threads for as long as it lives; the setting is the process's.</summary>
internal sealed class TorchThreads : IDisposable
{
    private readonly int? _before;

    public TorchThreads(int? threads)
    {
        if (threads is not { } count)
            return;
        _before = get_num_threads();
        set_num_threads(count);
    }

    public void Dispose()
    {
        if (_before is { } count)
            set_num_threads(count);
    }
}
