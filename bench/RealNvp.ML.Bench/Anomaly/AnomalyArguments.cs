using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class AnomalyArguments
{
    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--protocol"] = "dte_semi (train on normal rows), adbench_inductive (on contaminated rows) or fixed (on the rows of oddbench)",
        ["--seeds"] = "the first N seeds of each split file; 5 by default",
        ["--sets"] = "only these sets, as A,B; all by default",
        ["--csv"] = "write one line per fit",
        ["--runs"] = "where finished fits are kept, to go on after an interruption; beside the --json file by default",
        ["--workers"] = "fits side by side; as many as there are cores by default",
        ["--experiment"] = "other trainer options, as Members=4,Noise=0.1; yields no figures",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One is missing or has no usable value.</exception>
    public AnomalyArguments(BenchmarkArguments arguments)
    {
        Data = arguments.Data ?? throw new BenchmarkFailedException("--data is missing: the folder with sets and splits.");
        Protocol = arguments["--protocol"]
            ?? throw new BenchmarkFailedException("--protocol is missing: dte_semi, adbench_inductive or fixed.");
        Seeds = arguments.Count("--seeds") ?? 5;
        Workers = arguments.Count("--workers") ?? Environment.ProcessorCount;
        Sets = arguments["--sets"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Csv = arguments["--csv"];
        Runs = arguments["--runs"] ?? (arguments.Json is { } json ? Path.ChangeExtension(json, ".runs.jsonl") : "anomaly.runs.jsonl");
        Experiment = new Experiment(arguments["--experiment"]);
    }

    /// <summary>The folder with sets and splits.</summary>
    public string Data { get; }

    /// <summary>Which split files.</summary>
    public string Protocol { get; }

    /// <summary>How many seeds of each.</summary>
    public int Seeds { get; }

    /// <summary>How many fits run side by side.</summary>
    public int Workers { get; }

    /// <summary>Names of sets, or null for all.</summary>
    public string[]? Sets { get; }

    /// <summary>Where a line per fit is written; none by default.</summary>
    public string? Csv { get; }

    /// <summary>The file of finished fits.</summary>
    public string Runs { get; }

    /// <summary>Changes to the trainer's defaults; none by default.</summary>
    public Experiment Experiment { get; }
}
