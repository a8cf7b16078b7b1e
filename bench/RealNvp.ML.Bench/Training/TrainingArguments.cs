using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Training;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class TrainingArguments
{
    private static readonly Dictionary<string, TrainingPrecision> s_precisions = new()
    {
        ["f32"] = TrainingPrecision.Float32, ["tf32"] = TrainingPrecision.TensorFloat32, ["bf16"] = TrainingPrecision.BFloat16,
    };

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--python"] = "the interpreter that has torch; /usr/bin/python3, Debian's, by default",
        ["--threads"] = "the most of each side; as many as there are cores by default",
        ["--loads"] = $"some of {string.Join(',', TrainingLoad.All.Select(load => load.Name))}; "
            + $"{string.Join(',', TrainingLoad.All.Where(load => load.ByDefault).Select(load => load.Name))} by default",
        ["--device"] = "cpu, the default, cuda or cuda:N, for both sides",
        ["--seconds"] = "what has not begun by then is left out; no limit by default",
        ["--precisions"] = $"some of {string.Join(',', s_precisions.Keys)}; f32 by default",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One has no usable value, or the device is missing.</exception>
    public TrainingArguments(BenchmarkArguments arguments)
    {
        Python = arguments["--python"] ?? "/usr/bin/python3";
        Threads = arguments.Count("--threads") ?? Environment.ProcessorCount;
        Seconds = arguments.Count("--seconds") ?? int.MaxValue;
        Loads = Some(arguments, "--loads", TrainingLoad.All.ToDictionary(load => load.Name),
            TrainingLoad.All.Where(load => load.ByDefault));
        Precisions = Some(arguments, "--precisions", s_precisions, [TrainingPrecision.Float32]);
        DeviceName = arguments["--device"] ?? "cpu";
        try
        {
            TorchRuntime.Require();
            Device = TorchRuntime.NamedDevice(DeviceName);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or DllNotFoundException)
        {
            throw new BenchmarkFailedException(e.Message);
        }
    }

    /// <summary>The interpreter that has torch.</summary>
    public string Python { get; }

    /// <summary>Threads of each side.</summary>
    public int Threads { get; }

    /// <summary>After so many seconds nothing new begins.</summary>
    public int Seconds { get; }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<TrainingLoad> Loads { get; }

    /// <summary>In which precisions.</summary>
    public IReadOnlyList<TrainingPrecision> Precisions { get; }

    /// <summary>Where.</summary>
    public Device Device { get; }

    /// <summary>The name of <see cref="Device"/>.</summary>
    public string DeviceName { get; }

    /// <summary>The word for a precision, as both sides have it.</summary>
    public static string Word(TrainingPrecision precision) => s_precisions.First(pair => pair.Value == precision).Key;

    private static List<T> Some<T>(BenchmarkArguments arguments, string option, Dictionary<string, T> choices, IEnumerable<T> otherwise)
    {
        if (arguments[option] is not { } text)
            return [.. otherwise];
        string[] names = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (names.Length == 0 || !names.All(choices.ContainsKey))
            throw new BenchmarkFailedException($"{option} is '{text}', expected some of {string.Join(',', choices.Keys)}.");
        return [.. names.Distinct().Select(name => choices[name])];
    }
}
