using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Conditional;

/// <summary>A table with a target, and its splits.</summary>
internal sealed class RegressionSet
{
    private readonly float[][] _rows;
    private readonly Dictionary<int, HashSet<int>> _tests;

    private RegressionSet(string name, float[][] rows, Dictionary<int, HashSet<int>> tests, string fingerprint)
        => (Name, _rows, _tests, Fingerprint) = (name, rows, tests, fingerprint);

    /// <summary>The name of the table.</summary>
    public string Name { get; }

    /// <summary>The number of rows.</summary>
    public int Rows => _rows.Length;

    /// <summary>The number of features.</summary>
    public int Features => _rows[0].Length - 1;

    /// <summary>The number of splits.</summary>
    public int Splits => _tests.Count;

    /// <summary>Changes when the files do.</summary>
    public string Fingerprint { get; }

    /// <summary>The tables of a folder.</summary>
    /// <exception cref="BenchmarkFailedException">There is no such folder, or no table in it.</exception>
    public static string[] Names(string folder)
    {
        const string Ending = ".splits.csv.gz";
        string[] names = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, "*" + Ending).Select(path => Path.GetFileName(path)[..^Ending.Length]).Order(
                StringComparer.OrdinalIgnoreCase)]
            : [];
        return names.Length > 0 ? names : throw new BenchmarkFailedException($"'{folder}' holds no NAME.csv.gz with NAME{Ending}.");
    }

    /// <summary>Reads NAME.csv.gz, the target last, and NAME.splits.csv.gz: split, test_row.</summary>
    /// <exception cref="BenchmarkFailedException">A file is missing, or not of this form.</exception>
    public static RegressionSet Read(string folder, string name)
    {
        string table = Path.Combine(folder, $"{name}.csv.gz"), splits = Path.Combine(folder, $"{name}.splits.csv.gz");
        float[][] rows = Numbers(table, header => header[^1] == "target" && header.Length > 1, "name its features and end with 'target'");
        float[][] tests = Numbers(splits, header => header is ["split", "test_row"], "be 'split,test_row'");
        if (tests.FirstOrDefault(test => test[1] < 0 || test[1] >= rows.Length) is { } beyond)
            throw new BenchmarkFailedException($"'{splits}' names row {beyond[1]}, and '{table}' has {rows.Length}.");
        byte[] both = [.. File.ReadAllBytes(table), .. File.ReadAllBytes(splits)];
        return new(name, rows, tests.GroupBy(test => (int)test[0]).ToDictionary(test => test.Key,
            test => test.Select(row => (int)row[1]).ToHashSet()), Convert.ToHexString(SHA256.HashData(both)));
    }

    /// <summary>The rows to train on and those to test with, features and then the target.</summary>
    public (float[][] Train, float[][] Test) Split(int split) => (
        [.. _rows.Where((_, row) => !_tests[split].Contains(row))], [.. _rows.Where((_, row) => _tests[split].Contains(row))]);

    private static float[][] Numbers(string path, Func<string[], bool> isHeader, string must)
    {
        if (!File.Exists(path))
            throw new BenchmarkFailedException($"'{path}' is not there.");
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        string[] header = (reader.ReadLine() ?? "").Split(',');
        if (!isHeader(header))
            throw new BenchmarkFailedException($"The header of '{path}' must {must}.");
        var rows = new List<float[]>();
        while (reader.ReadLine() is { } line)
        {
            float[] values = [.. line.Split(',').Select(cell
                => float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : float.NaN)];
            if (values.Length != header.Length || !values.All(float.IsFinite))
                throw new BenchmarkFailedException($"Line {rows.Count + 2} of '{path}' is '{line}', expected {header.Length} numbers.");
            rows.Add(values);
        }
        return [.. rows];
    }
}
