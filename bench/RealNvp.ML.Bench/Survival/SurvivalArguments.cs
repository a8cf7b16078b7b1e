using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Survival;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class SurvivalArguments
{
    /// <summary>A check: adds to the report within a time, and to the failures.</summary>
    public delegate void Check(BenchmarkContext context, TimeSpan time, List<string> failures);

    /// <summary>The checks by name.</summary>
    public static readonly IReadOnlyDictionary<string, Check> All = new Dictionary<string, Check>
    {
        ["mutate"] = MutateCheck.Run,
        ["kill"] = KillCheck.Run,
        ["gc"] = GcCheck.Run,
        ["soak"] = SoakCheck.Run,
        ["disk"] = DiskCheck.Run,
        ["culture"] = CultureCheck.Run,
    };

    /// <summary>What a process of a check's own does, by name.</summary>
    public static readonly IReadOnlyDictionary<string, Action<string[]>> Children = new Dictionary<string, Action<string[]>>
    {
        ["mutate"] = MutatedFiles.Run,
        ["train"] = SmallTrainings.Train,
        ["gc"] = GcCheck.Storm,
        ["disk"] = DiskCheck.OnFullDisk,
        ["culture"] = CultureCheck.Train,
    };

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--check"] = $"one of {string.Join(", ", All.Keys)}; all by default",
        ["--minutes"] = "for each check that goes on for as long as it is let; 5 by default",
        [GcCheck.AtOnceOption] = "kinds of training that gc lets run at the same time, each for as much longer; 1 by default",
        [ChildProcess.Option] = "what a check's own process does; not for people",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One has no usable value.</exception>
    public SurvivalArguments(BenchmarkArguments arguments)
    {
        Child = arguments[ChildProcess.Option]?.Split('|');
        Checks = arguments["--check"] switch
        {
            null => [.. All.Keys],
            { } check when All.ContainsKey(check) => [check],
            { } other => throw new BenchmarkFailedException($"--check is '{other}', expected one of {string.Join(", ", All.Keys)}."),
        };
        Time = TimeSpan.FromMinutes(arguments.Count("--minutes") ?? 5);
    }

    /// <summary>What to do as a check's own process: its name, then its arguments; null otherwise.</summary>
    public string[]? Child { get; }

    /// <summary>The checks to make.</summary>
    public IReadOnlyList<string> Checks { get; }

    /// <summary>How long each may go on.</summary>
    public TimeSpan Time { get; }
}
