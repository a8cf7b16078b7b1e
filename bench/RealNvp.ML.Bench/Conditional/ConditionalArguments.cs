using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Bench.Conditional;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class ConditionalArguments
{
    /// <summary>Tables of more rows take a few splits, as in the papers.</summary>
    private const int LargeTable = 5000, SplitsOfLarge = 5;

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--sets"] = "only these tables, as A,B; all of DIR/regression by default",
        ["--splits"] = $"the first N splits; all by default, {SplitsOfLarge} of tables of more than {LargeTable} rows; figures for no "
            + "fewer",
        ["--runs"] = "where finished fits are kept, to go on after an interruption; beside the --json file by default",
        ["--workers"] = "fits side by side; as many as there are cores by default",
        ["--experiment"] = "other trainer options, as Noise=0.1,Dropout=0; shows validation figures alone",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One is missing or has no usable value.</exception>
    public ConditionalArguments(BenchmarkArguments arguments)
    {
        Folder = Path.Combine(arguments.Data ?? throw new BenchmarkFailedException("--data is missing: the folder that holds "
            + "regression/*.csv.gz."), "regression");
        string[] all = RegressionSet.Names(Folder);
        Sets = arguments["--sets"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? all;
        if (Sets.FirstOrDefault(set => !all.Contains(set)) is { } unknown)
            throw new BenchmarkFailedException($"There is no table '{unknown}'. There are {string.Join(", ", all)}.");
        Splits = arguments.Count("--splits");
        Workers = arguments.Count("--workers") ?? Environment.ProcessorCount;
        Runs = arguments["--runs"] ?? (arguments.Json is { } json ? Path.ChangeExtension(json, ".runs.jsonl") : "conditional.runs.jsonl");
        Experiment = new Experiment(arguments["--experiment"], RealNvpTrainer.Options.ForRegression);
    }

    /// <summary>The folder of the tables.</summary>
    public string Folder { get; }

    /// <summary>Names of tables.</summary>
    public IReadOnlyList<string> Sets { get; }

    /// <summary>How many splits of each; null for the usual number.</summary>
    public int? Splits { get; }

    /// <summary>How many fits run side by side.</summary>
    public int Workers { get; }

    /// <summary>The file of finished fits.</summary>
    public string Runs { get; }

    /// <summary>The options, and what was changed of them.</summary>
    public Experiment Experiment { get; }

    /// <summary>The splits of a table that a result has.</summary>
    public static int UsualSplits(RegressionSet set) => Math.Min(set.Splits, set.Rows > LargeTable ? SplitsOfLarge : int.MaxValue);

    /// <summary>The splits of a table in this run.</summary>
    public int SplitsOf(RegressionSet set) => Math.Min(Splits ?? UsualSplits(set), set.Splits);
}
