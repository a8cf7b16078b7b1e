using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>
/// The graph without a pipeline: what remains for the library to lose. Only LogLikelihood and Latent are read; label and p-value are left
/// out in its favour.
/// </summary>
internal sealed class RawScorer : IDisposable
{
    private readonly IDataView _data;
    private readonly int _features;
    private readonly int _batch;
    private readonly float[] _rows;
    private readonly OnnxRun _run;

    /// <summary>Over a data view whose number of rows is a multiple of <paramref name="batch"/>.</summary>
    public RawScorer(byte[] graph, int features, int batch, IDataView data, int threads = 1)
    {
        _data = data;
        _features = features;
        _batch = batch;
        _rows = [.. data.GetColumn<float[]>("Features").SelectMany(row => row)];
        _run = new OnnxRun(graph, batch, ("Features", features), threads, ("LogLikelihood", 1), ("Latent", features));
    }

    /// <summary>Rows from a cursor of the data view.</summary>
    public double FromCursor(int rows)
    {
        using DataViewRowCursor cursor = _data.GetRowCursor(_data.Schema);
        ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(_data.Schema["Features"]);
        VBuffer<float> value = default;
        double sum = 0;
        for (int row = 0; row < rows && cursor.MoveNext(); row++)
        {
            getter(ref value);
            value.GetValues().CopyTo(_run.Input.AsSpan(row % _batch * _features));
            if ((row + 1) % _batch == 0)
                sum += Score();
        }
        return sum;
    }

    /// <summary>Rows that lie in memory one after the other, as no pipeline has them.</summary>
    public double FromArrays(int rows)
    {
        double sum = 0;
        for (int start = 0; start < rows * _features; start += _run.Input.Length)
        {
            _rows.AsSpan(start, _run.Input.Length).CopyTo(_run.Input);
            sum += Score();
        }
        return sum;
    }

    /// <summary>
    /// ONNX Runtime at its best: the batch size and the threads within a call with which it goes through the rows the fastest.
    /// </summary>
    public static (int Batch, int Threads) Best(byte[] graph, int features, IDataView data, int rows)
    {
        const double seconds = 0.4;
        (int Batch, int Threads)[] ways = [.. from batch in (int[])[256, 1024, 4096]
                                              from threads in (int[])[1, Environment.ProcessorCount]
                                              select (batch, threads)];
        return ways.Distinct().MaxBy(way =>
        {
            using var scorer = new RawScorer(graph, features, way.Batch, data, way.Threads);
            return TimeBox.Rate(rows, seconds, () => scorer.FromArrays(rows));
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _run.Dispose();

    private double Score()
    {
        _run.Run();
        double sum = 0;
        for (int row = 0; row < _batch; row++)
            sum += _run.Outputs[0][row] + _run.Outputs[1][row * _features];
        return sum;
    }
}
