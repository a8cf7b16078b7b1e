using System.Globalization;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>The rows of a set, raw, and which of them are anomalies.</summary>
internal sealed class DataSet
{
    private readonly float[] _values;
    private readonly bool[] _anomalies;

    private DataSet(int features, float[] values, bool[] anomalies)
    {
        Features = features;
        _values = values;
        _anomalies = anomalies;
    }

    /// <summary>The length of a row.</summary>
    public int Features { get; }

    /// <summary>The number of rows.</summary>
    public int Rows => _anomalies.Length;

    /// <summary>Reads comma-separated numbers with a header; the last column is the label, 1 for anomalies.</summary>
    /// <exception cref="InvalidDataException">A line does not have a number in each column of the header, or there is no label.</exception>
    public static DataSet Read(TextReader reader)
    {
        string[] header = (reader.ReadLine() ?? "").Split(',');
        if (header.Length < 2 || header[^1] != "label")
            throw new InvalidDataException("The header of a set must name its features and end with 'label'.");
        int features = header.Length - 1;
        var values = new List<float>();
        var anomalies = new List<bool>();
        for (int number = 2; reader.ReadLine() is { } line; number++)
        {
            int column = 0;
            foreach (Range cell in line.AsSpan().Split(','))
            {
                if (!float.TryParse(line.AsSpan(cell), NumberStyles.Float, CultureInfo.InvariantCulture, out float value))
                    throw new InvalidDataException($"Line {number}, column {column + 1}: '{line.AsSpan(cell)}' is not a number.");
                if (column++ < features)
                    values.Add(value);
                else
                    anomalies.Add(value == 1);
            }
            if (column != header.Length)
                throw new InvalidDataException($"Line {number} has {column} cells, expected {header.Length}.");
        }
        return new DataSet(features, [.. values], [.. anomalies]);
    }

    /// <summary>Copies of rows, in the order of the numbers.</summary>
    public float[][] Gather(int[] rows) => Array.ConvertAll(rows, row => _values.AsSpan(row * Features, Features).ToArray());

    /// <summary>Which of the rows are anomalies.</summary>
    public bool[] Anomalies(int[] rows) => Array.ConvertAll(rows, row => _anomalies[row]);
}
