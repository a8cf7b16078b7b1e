using System.Globalization;
using System.IO.Compression;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Series;

/// <summary>A recording of the water rig: sensors once a second, and which rows are odd.</summary>
/// <param name="Name">Its folder and file.</param>
/// <param name="Values">[rows][sensors].</param>
/// <param name="IsOdd">For each row; all false where the file does not say.</param>
internal sealed record Recording(string Name, float[][] Values, bool[] IsOdd)
{
    /// <summary>
    /// The sensors that are scored. The two temperatures go with the room and the hour, and say as much of those as of the rig.
    /// </summary>
    public static readonly string[] Sensors
        = ["Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure", "Voltage", "Volume Flow RateRMS"];

    /// <summary>Reads a file: columns by semicolons, among them the sensors and, where there is one, anomaly.</summary>
    /// <exception cref="BenchmarkFailedException">It is not of this form.</exception>
    public static Recording Read(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        string[] header = (reader.ReadLine() ?? "").Split(';');
        int[] columns = [.. Sensors.Select(sensor => Array.IndexOf(header, sensor))];
        if (Array.FindIndex(columns, column => column < 0) is >= 0 and var missing)
            throw new BenchmarkFailedException($"'{path}' has no column '{Sensors[missing]}'.");
        int label = Array.IndexOf(header, "anomaly");
        (var values, var odd) = (new List<float[]>(), new List<bool>());
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(';');
            float Number(int column) => column < cells.Length && float.TryParse(cells[column], NumberStyles.Float,
                CultureInfo.InvariantCulture, out float value) && float.IsFinite(value) ? value
                : throw new BenchmarkFailedException($"Line {values.Count + 2} of '{path}' is '{line}', expected a number in each column.");
            values.Add([.. columns.Select(Number)]);
            odd.Add(label >= 0 && Number(label) > 0.5);
        }
        return new($"{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}", [.. values], [.. odd]);
    }

    /// <summary>A part of it as a recording of its own.</summary>
    public Recording Part(int start, int rows) => new($"{Name}+{start}", Values[start..(start + rows)], IsOdd[start..(start + rows)]);
}
