using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Bench.Density;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class DensityArguments
{
    /// <summary>The flag for mixtures.</summary>
    public const string Ensemble = "--ensemble";

    /// <summary>The members of a mixture.</summary>
    public const int Members = 5;

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        [Ensemble] = $"fit mixtures of {Members} too; the single flow is their first member",
        ["--sets"] = $"only these sets, as A,B; {string.Join(", ", PublishedDensities.All.Keys)} by default",
        ["--folds"] = $"the first N folds; all {DensitySet.Folds} by default, and figures for no fewer",
        ["--runs"] = "where finished fits are kept, to go on after an interruption; beside the --json file by default",
        ["--workers"] = "fits side by side; as many as there are cores by default",
        ["--experiment"] = "other trainer options, as Noise=0.1,Dropout=0; shows validation figures alone",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One is missing or has no usable value.</exception>
    public DensityArguments(BenchmarkArguments arguments)
    {
        Folder = Path.Combine(arguments.Data ?? throw new BenchmarkFailedException("--data is missing: the folder that holds "
            + "density/*.csv.gz."), "density");
        Sets = arguments["--sets"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            ?? [.. PublishedDensities.All.Keys];
        if (Sets.FirstOrDefault(set => !PublishedDensities.All.ContainsKey(set)) is { } unknown)
            throw new BenchmarkFailedException($"There is no set '{unknown}'. There are {string.Join(", ", PublishedDensities.All.Keys)}.");
        Folds = Math.Min(arguments.Count("--folds") ?? DensitySet.Folds, DensitySet.Folds);
        Workers = arguments.Count("--workers") ?? Environment.ProcessorCount;
        Runs = arguments["--runs"] ?? (arguments.Json is { } json ? Path.ChangeExtension(json, ".runs.jsonl") : "density.runs.jsonl");
        bool ensemble = arguments.Has(Ensemble);
        Experiment = new Experiment(arguments["--experiment"], () =>
        {
            RealNvpTrainer.Options options = DensityFit.Options();
            options.Members = ensemble ? Members : 1;
            return options;
        });
    }

    /// <summary>The folder of the sets.</summary>
    public string Folder { get; }

    /// <summary>Names of sets.</summary>
    public IReadOnlyList<string> Sets { get; }

    /// <summary>How many folds of each.</summary>
    public int Folds { get; }

    /// <summary>How many fits run side by side.</summary>
    public int Workers { get; }

    /// <summary>The file of finished fits.</summary>
    public string Runs { get; }

    /// <summary>The options, and what was changed of them.</summary>
    public Experiment Experiment { get; }
}
