using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class PicturesArguments
{
    /// <summary>The set of one class against nine.</summary>
    public const string OneClass = "cifar10-oneclass";

    /// <summary>One class of MNIST against nine, its pixels as a table of 784 features.</summary>
    public const string Pixels = "mnist-oneclass";

    /// <summary>Every category of a folder in the layout of MVTec AD.</summary>
    public const string Folder = "mvtec";

    /// <summary>Generated pictures of a weave, which need no folder.</summary>
    public const string Weave = "weave";

    /// <summary>The same of planed wood.</summary>
    public const string Grain = "grain";

    /// <summary>The classes that results are given for; the others chose the defaults.</summary>
    public static readonly string[] Judged = ["automobile", "cat", "ship"];

    /// <summary>CIFAR-10's classes, by their labels.</summary>
    public static readonly string[] Classes
        = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>MNIST's classes, and those that results are given for: one that is easy to tell and one that is not.</summary>
    public static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], JudgedDigits = ["4", "8"];

    private const int DefaultTrain = 1000, DefaultTest = 150;

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--sets"] = $"{OneClass}: one class of CIFAR-10 against nine, on pooled features of a pretrained net; reads DIR/images. "
            + $"{Pixels}: one class of MNIST against nine, pixels as a table; reads DIR/images. "
            + $"{Folder}: the categories of DIR in the layout of MVTec AD; the default where DIR has such. "
            + $"{Weave}, {Grain}: generated pictures with small defects; the first is the default without --data",
        ["--classes"] = $"some of the set's; {string.Join(',', Judged)} or {string.Join(',', JudgedDigits)} by default, and figures for no "
            + "others",
        ["--seeds"] = "flows of a class, of seeds 1 to N; 3 by default",
        ["--train"] = $"the first N training pictures of a class; {DefaultTrain} by default, and figures for no fewer",
        ["--test"] = $"the first N test pictures of each class; {DefaultTest} by default, and figures for no fewer",
        ["--with"] = "other trainer options, as Couplings=2,Noise=0.1; no figures",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One is missing or has no usable value.</exception>
    public PicturesArguments(BenchmarkArguments arguments)
    {
        Data = arguments.Data;
        Set = arguments["--sets"] ?? (Data is null ? Weave : Directory.Exists(Path.Combine(Data, "images")) ? OneClass : Folder);
        if (Set is not (OneClass or Pixels or Folder or Weave or Grain))
            throw new BenchmarkFailedException($"--sets is '{Set}', expected {OneClass}, {Pixels}, {Folder}, {Weave} or {Grain}.");
        if (Data is null && Set is not (Weave or Grain))
        {
            throw new BenchmarkFailedException("--data is missing: the folder with images/cifar10-* or images/mnist-*, or with categories "
                + "of MVTec AD.");
        }
        Named = arguments["--classes"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            ?? JudgedOfSet;
        if (Named.Length == 0 || Named.Except(ClassesOfSet).FirstOrDefault() is not null)
        {
            throw new BenchmarkFailedException(
                $"--classes is '{arguments["--classes"]}', expected some of {string.Join(',', ClassesOfSet)}.");
        }
        Seeds = arguments.Count("--seeds") ?? 3;
        Train = arguments.Count("--train", least: 50) ?? DefaultTrain;
        Test = arguments.Count("--test", least: 2) ?? DefaultTest;
        Experiment = new(arguments["--with"]);
    }

    /// <summary>The folder with the sets; null for the generated one.</summary>
    public string? Data { get; }

    /// <summary>Which set.</summary>
    public string Set { get; }

    /// <summary>The classes of the set.</summary>
    public string[] ClassesOfSet => Set == Pixels ? Digits : Classes;

    /// <summary>Names of classes.</summary>
    public string[] Named { get; }

    /// <summary>Flows of a class.</summary>
    public int Seeds { get; }

    /// <summary>Training pictures of a class.</summary>
    public int Train { get; }

    /// <summary>Test pictures of each class.</summary>
    public int Test { get; }

    /// <summary>Trainer options other than the defaults.</summary>
    public Experiment Experiment { get; }

    /// <summary>
    /// What is other than in a measurement, in words; null where nothing is. Such a run is an experiment and yields no figures.
    /// </summary>
    public string? Changes
    {
        get
        {
            string[] changes =
            [
                .. Experiment.IsDefault ? Array.Empty<string>() : [$"{Experiment}"],
                .. Named.SequenceEqual(JudgedOfSet) ? Array.Empty<string>() : ["other classes"],
                .. Train < DefaultTrain ? [$"{Train} training pictures"] : Array.Empty<string>(),
                .. Test < DefaultTest ? [$"{Test} test pictures of each class"] : Array.Empty<string>(),
            ];
            return changes.Length == 0 ? null : string.Join(", ", changes);
        }
    }

    private string[] JudgedOfSet => Set == Pixels ? JudgedDigits : Judged;
}
