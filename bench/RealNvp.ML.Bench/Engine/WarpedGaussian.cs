using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Bench.Engine;

/// <summary>
/// Rows of ten values whose density is known, made while they are read. Of a standard normal z every odd place is bent by the one before
/// it, v = z / 2 + u^2 / 2, and the result is rotated. The bend has the log-determinant 5 log(1/2), the rotation none.
/// </summary>
internal sealed class WarpedGaussian
{
    /// <summary>Values of a row.</summary>
    public const int Features = 10;

    private const double Width = 0.5;

    private readonly GaussianNoise _noise = new(seed: 20);
    private readonly (double Cosine, double Sine)[] _turns = [.. Enumerable.Range(1, 3 * Features).Select(i => (Math.Cos(i), Math.Sin(i)))];

    /// <summary>
    /// The mean log-likelihood of the normal distribution with the true mean and covariance: what can be had without the bend.
    /// </summary>
    public static double GaussianLogLikelihood
        => -0.5 * Features * (Math.Log(2 * Math.PI) + 1) - 0.25 * Features * Math.Log(Width * Width + 0.5);

    /// <summary>Rows from a number on, without ever holding them: every enumeration makes them again.</summary>
    public IDataView View(MLContext ml, long first, long count)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Features);
        return ml.Data.LoadFromEnumerable(Rows(first, count), schema);
    }

    /// <summary>The true log-likelihood of a row, in nats.</summary>
    public double LogLikelihood(long row)
    {
        Span<float> z = stackalloc float[Features];
        _noise.Fill(row, z);
        double squares = 0;
        foreach (float value in z)
            squares += (double)value * value;
        return -0.5 * (squares + Features * Math.Log(2 * Math.PI)) - 0.5 * Features * Math.Log(Width);
    }

    private IEnumerable<Row> Rows(long first, long count)
    {
        var row = new Row(); // ML.NET copies its values before it asks for the next
        for (long i = first; i < first + count; i++)
        {
            Fill(i, row.Features);
            yield return row;
        }
    }

    private void Fill(long number, Span<float> row)
    {
        _noise.Fill(number, row);
        for (int j = 0; j < Features; j += 2)
            row[j + 1] = (float)(Width * row[j + 1] + 0.5 * row[j] * row[j]);
        for (int turn = 0; turn < _turns.Length; turn++)
        {
            // three rounds over all places, each against another partner
            int a = turn % Features, b = (a + 1 + 2 * (turn / Features)) % Features;
            (double cosine, double sine) = _turns[turn];
            (row[a], row[b]) = ((float)(cosine * row[a] - sine * row[b]), (float)(sine * row[a] + cosine * row[b]));
        }
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = new float[WarpedGaussian.Features];
    }
}
