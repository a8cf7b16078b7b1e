using System.Globalization;

namespace RealNvp.ML.Bench.Running;

/// <summary>The options that follow a subcommand, in the form <c>--name value</c>; flags have no value.</summary>
internal sealed class BenchmarkArguments
{
    private readonly Dictionary<string, string> _values;

    private BenchmarkArguments(Dictionary<string, string> values) => _values = values;

    /// <summary>Where figures are appended as JSON, one object per line; none by default.</summary>
    public string? Json { get; private init; }

    /// <summary>Where the report is written as Markdown; none by default.</summary>
    public string? Markdown { get; private init; }

    /// <summary>The folder of data sets, for subcommands that read some.</summary>
    public string? Data { get; private init; }

    /// <summary>How often each contender is timed; each subcommand has its own default.</summary>
    public int? Rounds { get; private init; }

    /// <summary>The value of an option of the subcommand's own, or null.</summary>
    public string? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>The value of an option of the subcommand's own as a whole number, or null.</summary>
    /// <exception cref="BenchmarkFailedException">It is no whole number, or below <paramref name="least"/>.</exception>
    public int? Count(string name, int least = 1) => this[name] switch
    {
        null => null,
        { } text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least => number,
        { } text => throw new BenchmarkFailedException($"{name} is '{text}', expected a number from {least} on."),
    };

    /// <summary>Whether a flag was given.</summary>
    public bool Has(string flag) => _values.ContainsKey(flag);

    /// <summary>What the options are, for the usage text.</summary>
    public static string Usage => """
          --json FILE       append one JSON object per figure
          --markdown FILE   write the report as Markdown
          --data DIR        read data sets from here
          --rounds N        time each contender N times
        """;

    /// <summary>
    /// Reads the options: the common ones, and those in <paramref name="own"/>, of which <paramref name="flags"/> have no value.
    /// </summary>
    /// <exception cref="ArgumentException">An option is unknown or has no usable value.</exception>
    public static BenchmarkArguments Parse(ReadOnlySpan<string> args, IEnumerable<string> own, IReadOnlyCollection<string> flags)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] is not ("--json" or "--markdown" or "--data" or "--rounds") && !own.Contains(args[i]))
                throw new ArgumentException($"Unknown option '{args[i]}'.");
            if (flags.Contains(args[i]))
            {
                values[args[i]] = "";
                continue;
            }
            if (i + 1 == args.Length)
                throw new ArgumentException($"Option '{args[i]}' needs a value.");
            values[args[i]] = args[++i];
        }
        int? rounds = null;
        if (values.TryGetValue("--rounds", out string? text))
        {
            rounds = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
                ? number
                : throw new ArgumentException($"--rounds is '{text}', expected a number from 1 on.");
        }
        return new BenchmarkArguments(values)
        {
            Json = values.GetValueOrDefault("--json"),
            Markdown = values.GetValueOrDefault("--markdown"),
            Data = values.GetValueOrDefault("--data"),
            Rounds = rounds,
        };
    }
}
