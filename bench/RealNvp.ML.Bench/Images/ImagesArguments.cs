using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Images;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class ImagesArguments
{
    /// <summary>The sets that can be named.</summary>
    public static readonly string[] Known = ["digits", "mnist", "cifar10"];

    private const string PresetOption = "--preset", Faithful = "faithful", Modern = "modern";

    private const int DefaultTrain = 10_000, DefaultTest = 2000;

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--sets"] = $"some of {string.Join(',', Known)}; the first two by default",
        [PresetOption] = $"the flow and its training: {Faithful}, the default, as the paper has it, or {Modern} (AsModern)",
        ["--seeds"] = "flows per set, of seeds 1 to N; by default 3 of the small digits and 1 of the others, which take a hundred times "
            + "as long",
        ["--train"] = $"at most the first N training images; {DefaultTrain} by default, and figures for no fewer",
        ["--test"] = $"at most the first N test images; {DefaultTest} by default, and figures for no fewer",
        ["--steps"] = "training steps, instead of as many as the trainer chooses; no figures",
    };

    private readonly int? _seeds;

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One is missing or has no usable value.</exception>
    public ImagesArguments(BenchmarkArguments arguments)
    {
        Data = arguments.Data ?? throw new BenchmarkFailedException("--data is missing: the folder with samples/digits.csv.gz and "
            + "images/.");
        Sets = arguments["--sets"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct().ToArray()
            ?? Known[..2];
        if (Sets.Length == 0 || Sets.Except(Known).Any())
            throw new BenchmarkFailedException($"--sets is '{arguments["--sets"]}', expected some of {string.Join(',', Known)}.");
        IsModern = arguments[PresetOption] switch
        {
            null or Faithful => false,
            Modern => true,
            { } other => throw new BenchmarkFailedException($"{PresetOption} is '{other}', expected {Faithful} or {Modern}."),
        };
        _seeds = arguments.Count("--seeds");
        Train = arguments.Count("--train") ?? DefaultTrain;
        Test = arguments.Count("--test") ?? DefaultTest;
        Steps = arguments.Count("--steps");
    }

    /// <summary>The folder with the sets.</summary>
    public string Data { get; }

    /// <summary>Names of sets.</summary>
    public string[] Sets { get; }

    /// <summary>Whether the flows are of the modern preset.</summary>
    public bool IsModern { get; }

    /// <summary>How many flows of a set.</summary>
    public int Seeds(string set) => _seeds ?? (set == Known[0] ? 3 : 1);

    /// <summary>The most training images.</summary>
    public int Train { get; }

    /// <summary>The most test images.</summary>
    public int Test { get; }

    /// <summary>Training steps, or null for the trainer's choice.</summary>
    public int? Steps { get; }

    /// <summary>
    /// What is less than in a measurement, in words; null where nothing is. Such a run is an experiment and yields no figures.
    /// </summary>
    public string? Experiment
    {
        get
        {
            string[] changes =
            [
                .. Steps is { } steps ? [$"{steps} training steps"] : Array.Empty<string>(),
                .. Train < DefaultTrain ? [$"at most {Train} training images"] : Array.Empty<string>(),
                .. Test < DefaultTest ? [$"at most {Test} test images"] : Array.Empty<string>(),
            ];
            return changes.Length == 0 ? null : string.Join(", ", changes);
        }
    }
}
