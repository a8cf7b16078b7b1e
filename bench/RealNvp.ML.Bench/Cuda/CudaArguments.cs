using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>What the subcommand was asked for.</summary>
internal sealed class CudaArguments
{
    /// <summary>So many rates are measured if nothing is left out.</summary>
    private const int Rates = 150;

    /// <summary>The options beside the common ones, for the usage text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Help = new Dictionary<string, string>
    {
        ["--device"] = "cuda (default), or cpu for a rehearsal without a GPU",
        ["--python"] = "the interpreter that has torch; python3 by default",
        ["--only"] = "the measurements whose name holds this",
        ["--seconds"] = "stop starting measurements after so many; 90 by default",
    };

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchmarkFailedException">One has no usable value.</exception>
    public CudaArguments(BenchmarkArguments arguments)
    {
        Device = arguments["--device"] ?? "cuda";
        if (Device is not ("cuda" or "cpu"))
            throw new BenchmarkFailedException($"--device is '{Device}', expected cuda or cpu.");
        Python = arguments["--python"] ?? "python3";
        Only = arguments["--only"] ?? "";
        Seconds = arguments.Count("--seconds") ?? 90;
    }

    /// <summary>Where the graphs run, <c>cuda</c> or <c>cpu</c>.</summary>
    public string Device { get; }

    /// <summary>Whether this is the real thing.</summary>
    public bool IsCuda => Device == "cuda";

    /// <summary>The interpreter that has torch.</summary>
    public string Python { get; }

    /// <summary>A part of the names of what is measured.</summary>
    public string Only { get; }

    /// <summary>The time for everything.</summary>
    public int Seconds { get; }

    /// <summary>The time for one rate: half of all goes into sessions, warm-ups and checks.</summary>
    public double SecondsPerRate => 0.5 * Seconds / Rates;
}
