using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Engine;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class EngineArguments
{
    /// <summary>The two checks.</summary>
    public const string Streaming = "streaming", Memory = "memory";

    private const int Least = 1000;

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--check"] = $"{Streaming}: twenty million rows through cursors; {Memory}: ten thousand steps. Both by default",
        ["--rows"] = "rows of the stream; 20000000 by default",
        ["--steps"] = "optimizer steps of the memory check; 10000 by default",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One has no usable value.</exception>
    public EngineArguments(BenchmarkArguments arguments)
    {
        Checks = arguments["--check"] switch
        {
            null => [Streaming, Memory],
            Streaming or Memory => [arguments["--check"]!],
            { } other => throw new BenchmarkFailedException($"--check is '{other}', expected {Streaming} or {Memory}."),
        };
        Rows = arguments.Count("--rows", Least) ?? 20_000_000;
        Steps = arguments.Count("--steps", Least) ?? 10_000;
    }

    /// <summary>The checks to make.</summary>
    public IReadOnlyList<string> Checks { get; }

    /// <summary>Rows of the stream.</summary>
    public long Rows { get; }

    /// <summary>Steps of the memory check.</summary>
    public long Steps { get; }
}
