using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Training;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class TrainingArguments
{
    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--python"] = "the interpreter that has torch; /usr/bin/python3, Debian's, by default",
        ["--threads"] = "the most of each side; as many as there are cores by default",
        ["--loads"] = $"some of {string.Join(',', TrainingLoad.All.Select(load => load.Name))}; all by default",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One has no usable value.</exception>
    public TrainingArguments(BenchmarkArguments arguments)
    {
        Python = arguments["--python"] ?? "/usr/bin/python3";
        Threads = arguments.Count("--threads") ?? Environment.ProcessorCount;
        string[] names = arguments["--loads"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [.. TrainingLoad.All.Select(load => load.Name)];
        Loads = [.. TrainingLoad.All.Where(load => names.Contains(load.Name))];
        if (Loads.Count == 0 || Loads.Count != names.Distinct().Count())
            throw new BenchmarkFailedException($"--loads is '{arguments["--loads"]}', expected some of {string.Join(',', TrainingLoad.All.Select(load => load.Name))}.");
    }

    /// <summary>The interpreter that has torch.</summary>
    public string Python { get; }

    /// <summary>Threads of each side.</summary>
    public int Threads { get; }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<TrainingLoad> Loads { get; }
}
