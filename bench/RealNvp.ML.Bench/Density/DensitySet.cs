using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Density;

/// <summary>The raw rows of a set and the fold of each.</summary>
internal sealed class DensitySet
{
    /// <summary>The folds of every set.</summary>
    public const int Folds = 10;

    private readonly double[][] _rows;
    private readonly int[] _folds;

    private DensitySet(string name, double[][] rows, int[] folds, string fingerprint)
        => (Name, _rows, _folds, Fingerprint) = (name, rows, folds, fingerprint);

    /// <summary>The name of the set.</summary>
    public string Name { get; }

    /// <summary>The number of rows.</summary>
    public int Rows => _rows.Length;

    /// <summary>The length of a row.</summary>
    public int Features => _rows[0].Length;

    /// <summary>Changes when the file does.</summary>
    public string Fingerprint { get; }

    /// <summary>Reads NAME.csv.gz: a header, then numbers, the fold last.</summary>
    /// <exception cref="BenchmarkFailedException">There is no such file, or it is not of this form.</exception>
    public static DensitySet Read(string folder, string name)
    {
        string path = Path.Combine(folder, $"{name}.csv.gz");
        if (!File.Exists(path))
            throw new BenchmarkFailedException($"'{path}' is not there.");
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        string[] header = (reader.ReadLine() ?? "").Split(',');
        if (header.Length < 2 || header[^1] != "fold")
            throw new BenchmarkFailedException($"The header of '{path}' must name its features and end with 'fold'.");
        var rows = new List<double[]>();
        var folds = new List<int>();
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(',');
            double[] values = [.. cells.Select(cell
                => double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN)];
            if (values.Length != header.Length || !values.All(double.IsFinite) || values[^1] is < 0 or >= Folds || values[^1] % 1 != 0)
                throw new BenchmarkFailedException($"Line {rows.Count + 2} of '{path}' is '{line}', expected {header.Length - 1} numbers "
                    + $"and a fold from 0 to {Folds - 1}.");
            rows.Add(values[..^1]);
            folds.Add((int)values[^1]);
        }
        return new DensitySet(name, [.. rows], [.. folds], Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))));
    }

    /// <summary>
    /// One fold for the test and the others to train on, normalised by the mean and the population standard deviation of the latter.
    /// </summary>
    public DensityFold Fold(int fold)
    {
        double[][] train = [.. _rows.Where((_, row) => _folds[row] != fold)], test = [.. _rows.Where((_, row) => _folds[row] == fold)];
        double[] mean = [.. Enumerable.Range(0, Features).Select(feature => train.Average(row => row[feature]))];
        double[] deviation = [.. Enumerable.Range(0, Features)
            .Select(feature => Math.Sqrt(train.Average(row => Math.Pow(row[feature] - mean[feature], 2))))];
        float[] Normalised(double[] row) => [.. row.Select((value, feature) => (float)((value - mean[feature]) / deviation[feature]))];
        HashSet<string> known = [.. train.Select(Text)];
        return new DensityFold(Array.ConvertAll(train, Normalised), Array.ConvertAll(test, Normalised),
            Array.ConvertAll(test, row => known.Contains(Text(row))));
    }

    private static string Text(double[] row) => string.Join(',', row.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
}

/// <summary>Normalised rows.</summary>
/// <param name="Train">What is learned from, validation included.</param>
/// <param name="Test">What is scored.</param>
/// <param name="Copies">Which test rows equal a training row in every feature.</param>
internal sealed record DensityFold(float[][] Train, float[][] Test, bool[] Copies);
