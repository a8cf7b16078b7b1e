using RealNvp.ML.Transforms.Onnx;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>The native side of torch: whether it is there, and which device to use.</summary>
internal static class TorchRuntime
{
    /// <summary>Loads libtorch, or says in one sentence what is missing.</summary>
    /// <exception cref="DllNotFoundException">No native backend of TorchSharp could be loaded.</exception>
    public static void Require()
    {
        try
        {
            _ = get_num_threads();
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException
            or EntryPointNotFoundException)
        {
            throw new DllNotFoundException(Explain(NativeFiles.Folders), e);
        }
    }

    /// <summary>
    /// Why libtorch cannot be called. TorchSharp itself brings LibTorchSharp, which calls libtorch, which comes with another package: that
    /// one is missing, or what is there does not load, for a reason that the system tells.
    /// </summary>
    internal static string Explain(params IEnumerable<string> folders)
    {
        string[] places = [.. folders];
        if (NativeFiles.Find("torch_cpu", places) is not { } torch)
        {
            return "Training needs libtorch: add the package TorchSharp-cpu, or TorchSharp-cuda-linux or TorchSharp-cuda-windows on a "
                + "machine with a GPU, in the version of TorchSharp that this library references, to the application.";
        }
        foreach (string? file in (string?[])[torch, NativeFiles.Find("LibTorchSharp", places)])
        {
            if (file is not null && NativeFiles.WhyNotLoaded(file) is { } reason)
                return $"libtorch is there, but {Path.GetFileName(file)} does not load: {reason.TrimEnd('.')}.{Remedy(reason)}";
        }
        return "libtorch is there and loads, but TorchSharp does not start it: its version may not be that of the TorchSharp package that "
            + "this library references.";
    }

    /// <summary>What helps against a reason, as the end of a message; nothing where that is not known.</summary>
    internal static string Remedy(string reason)
    {
        if (reason.Contains("GLIBCXX", StringComparison.Ordinal))
        {
            return " On Debian 12 and other systems whose libstdc++ lacks GLIBCXX_3.4.32 the project must import RealNvp.ML's "
                + "eng/MendLibTorchSharp.targets (the package RealNvp.ML.Trainers does).";
        }
        return reason.Contains("allocate memory", StringComparison.OrdinalIgnoreCase)
            || reason.Contains("failed to map", StringComparison.OrdinalIgnoreCase)
            ? " The process may have too little memory: libtorch takes about 500 MB of addresses before any training." : "";
    }

    /// <summary>The device of a name: "cpu", "cuda" or "cuda:1".</summary>
    /// <exception cref="ArgumentException">There is no such name.</exception>
    /// <exception cref="InvalidOperationException">The device is missing.</exception>
    public static Device NamedDevice(string name)
    {
        string[] parts = name.Trim().ToLowerInvariant().Split(':');
        int id = 0;
        bool known = parts is ["cpu"] or ["cuda"] || (parts is ["cuda", var number] && int.TryParse(number, out id) && id >= 0);
        if (!known)
            throw new ArgumentException($"Device is '{name}', expected cpu, cuda or cuda:N.");
        if (parts[0] == "cpu")
            return CPU;
        return Missing(id) is { } problem ? throw new InvalidOperationException(problem + " Device \"cpu\" trains on the CPU.")
            : new Device(DeviceType.CUDA, id);
    }

    /// <summary>The device to train on.</summary>
    /// <param name="gpuDeviceId">The GPU asked for, or null for the CPU.</param>
    /// <param name="fallbackToCpu">Whether the CPU will do where that GPU is missing.</param>
    /// <param name="warn">Receives a word where the CPU takes the place of a GPU.</param>
    /// <exception cref="InvalidOperationException">The GPU is missing and the CPU will not do.</exception>
    public static Device SelectDevice(int? gpuDeviceId, bool fallbackToCpu, Action<string> warn)
    {
        if (gpuDeviceId is not { } id)
            return CPU;
        if (Missing(id) is not { } problem)
            return new Device(DeviceType.CUDA, id);
        if (!fallbackToCpu)
            throw new InvalidOperationException(problem + " FallbackToCpu of the MLContext trains on the CPU instead.");
        warn(problem + " Training on the CPU.");
        return CPU;
    }

    /// <summary>Why a GPU cannot be used, or null where it can.</summary>
    private static string? Missing(int id)
    {
        if (!cuda.is_available())
            return $"CUDA device {id} was asked for, but libtorch sees no CUDA: reference TorchSharp-cuda-linux or "
                + "TorchSharp-cuda-windows instead of TorchSharp-cpu, on a machine with an NVIDIA driver.";
        return id >= 0 && id < cuda.device_count() ? null
            : $"CUDA device {id} was asked for, but libtorch sees {cuda.device_count()} device(s), numbered from 0.";
    }
}
