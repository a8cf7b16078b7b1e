using System.CommandLine;
using System.Globalization;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>Which cells of a label column say that a row is an anomaly.</summary>
internal sealed class Labels(IReadOnlyCollection<string> anomalies)
{
    private const int MostTold = 5;

    private readonly List<string> _others = [];

    /// <summary>The option that names them.</summary>
    public static Option<string[]> Option() => new("--anomaly")
    {
        Description = "The labels of anomalies, in any case.",
        HelpName = "LABELS",
        DefaultValueFactory = _ => ["1", "true", "yes", "anomaly", "anomalous", "outlier"],
        CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.TrimEntries))],
    };

    /// <summary>Labels of no column would say nothing.</summary>
    /// <exception cref="UsageException">They are named, and the column is not.</exception>
    public static void RequireColumn(ParseResult said, Option<string[]> anomaly, Option<string?> label)
    {
        if (said.GetResult(anomaly) is { Implicit: false } && said.GetValue(label) is null)
            throw new UsageException("--anomaly names labels of the column of --label, which is not given.");
    }

    /// <summary>Whether a cell is one of them; numbers compare as numbers, so that 1.0 is 1.</summary>
    public bool Contains(ReadOnlySpan<char> cell)
    {
        cell = cell.Trim();
        bool isNumber = float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out float number);
        foreach (string anomaly in anomalies)
        {
            if (cell.Equals(anomaly, StringComparison.OrdinalIgnoreCase)
                || isNumber && float.TryParse(anomaly, NumberStyles.Float, CultureInfo.InvariantCulture, out float other)
                    && other == number)
                return true;
        }
        return false;
    }

    /// <summary>How many cells were anomalies.</summary>
    public long Found { get; private set; }

    /// <summary>Whether a cell is one of them; counts it, or remembers it where it is one of the first that are not.</summary>
    public bool Count(ReadOnlyMemory<char> cell)
    {
        bool isAnomaly = Contains(cell.Span);
        if (isAnomaly)
            Found++;
        else if (_others.Count < MostTold && !_others.Contains(cell.ToString()))
            _others.Add(cell.ToString());
        return isAnomaly;
    }

    /// <summary>What a column of labels holds, and what was looked for.</summary>
    public string Told(string column) => $"'{column}' holds {string.Join(", ", _others)}{(_others.Count == MostTold ? ", ..." : "")}, and "
        + $"anomalies are labelled {this}; --anomaly names others";

    /// <summary>For messages.</summary>
    public override string ToString() => string.Join(", ", anomalies);
}
