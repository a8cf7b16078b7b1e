using System.Globalization;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>What papers report for one protocol, in percent.</summary>
internal sealed class PublishedResults
{
    /// <summary>The algorithms that tables show, with the names that readers know them by.</summary>
    public static readonly IReadOnlyList<(string Algorithm, string Name)> Shown =
        [("kNN", "kNN"), ("DTE-NP", "DTE-NP"), ("LOF", "LOF"), ("IForest", "IForest"), ("GMM", "GMM"), ("PCA", "PCA"), ("OCSVM", "OCSVM")];

    /// <summary>Nothing is known.</summary>
    public static readonly PublishedResults None = new([]);

    private readonly Dictionary<(string Metric, string Algorithm, string Set), double> _values;

    private PublishedResults(Dictionary<(string Metric, string Algorithm, string Set), double> values) => _values = values;

    /// <summary>Reads the lines of one protocol; the columns begin with setting,dataset,algorithm,metric,value.</summary>
    public static PublishedResults Read(TextReader reader, string protocol)
    {
        var values = new Dictionary<(string, string, string), double>();
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(',');
            if (cells.Length >= 5 && cells[0] == protocol)
                values[(cells[3], cells[2].ToUpperInvariant(), cells[1])] = double.Parse(cells[4], CultureInfo.InvariantCulture);
        }
        return new PublishedResults(values);
    }

    /// <summary>One result, whatever the case of the algorithm's letters, or null where it was not published.</summary>
    public double? Value(string metric, string algorithm, string set)
        => _values.TryGetValue((metric, algorithm.ToUpperInvariant(), set), out double value) ? value : null;

    /// <summary>The mean over sets, or null where one of them is missing: means over different sets do not compare.</summary>
    public double? Mean(string metric, string algorithm, IReadOnlyCollection<string> sets)
    {
        double sum = 0;
        foreach (string set in sets)
        {
            if (Value(metric, algorithm, set) is not { } value)
                return null;
            sum += value;
        }
        return sets.Count == 0 ? null : sum / sets.Count;
    }

    /// <summary>The algorithm with the highest mean over sets, of all that were published, or null where none covers them.</summary>
    public (string Algorithm, double Mean)? Best(string metric, IReadOnlyCollection<string> sets)
        => _values.Keys.Where(key => key.Metric == metric).Select(key => key.Algorithm).Distinct()
            .Select(algorithm => (algorithm, mean: Mean(metric, algorithm, sets)))
            .Where(pair => pair.mean is not null)
            .Select(pair => ((string Algorithm, double Mean)?)(pair.algorithm, pair.mean!.Value))
            .MaxBy(pair => pair!.Value.Mean);
}
