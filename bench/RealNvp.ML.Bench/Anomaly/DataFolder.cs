using System.IO.Compression;
using System.Security.Cryptography;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>A folder of sets and of their splits under one protocol, read when asked for.</summary>
internal sealed class DataFolder
{
    private readonly string _folder;
    private readonly string _protocol;

    /// <summary>Looks which sets there are.</summary>
    /// <exception cref="BenchmarkFailedException">There are none.</exception>
    public DataFolder(string folder, string protocol)
    {
        _folder = folder;
        _protocol = protocol;
        const string ending = ".csv.gz";
        string sets = Path.Combine(folder, "sets");
        if (!Directory.Exists(sets))
            throw new BenchmarkFailedException($"'{folder}' has no folder 'sets'.");
        Sets = [.. Directory.EnumerateFiles(sets, $"*{ending}").Select(path => Path.GetFileName(path)[..^ending.Length])
            .Where(set => File.Exists(SplitPath(set))).Order(StringComparer.OrdinalIgnoreCase)];
        if (Sets.Count == 0)
            throw new BenchmarkFailedException($"'{folder}' has no set with a split for the protocol '{protocol}'.");
    }

    /// <summary>The sets that have a split, in alphabetical order whatever the case of letters.</summary>
    public IReadOnlyList<string> Sets { get; }

    /// <summary>The published results, where the folder has them.</summary>
    public PublishedResults Published
    {
        get
        {
            string path = Path.Combine(_folder, "results_reference.csv");
            if (!File.Exists(path))
                return PublishedResults.None;
            using StreamReader reader = File.OpenText(path);
            return PublishedResults.Read(reader, _protocol);
        }
    }

    /// <summary>Reads a set.</summary>
    public DataSet ReadSet(string set)
    {
        using StreamReader reader = Open(SetPath(set));
        return DataSet.Read(reader);
    }

    /// <summary>Reads the splits of a set's first seeds.</summary>
    public IReadOnlyList<Split> ReadSplits(string set, int seeds)
    {
        using StreamReader reader = Open(SplitPath(set));
        return Split.Read(reader, seeds);
    }

    /// <summary>Changes when the set or its splits do.</summary>
    public string Fingerprint(string set)
        => string.Concat(new[] { SetPath(set), SplitPath(set) }.Select(path
        => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)))));

    private static StreamReader Open(string path) => new(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));

    private string SetPath(string set) => Path.Combine(_folder, "sets", $"{set}.csv.gz");

    private string SplitPath(string set) => Path.Combine(_folder, "splits", $"{set}.{_protocol}.csv.gz");
}
