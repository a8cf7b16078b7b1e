using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>The graph in ML.NET's own ApplyOnnxModel, with its defaults.</summary>
internal sealed class StockScorer : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"realnvp-bench-{Guid.NewGuid():N}.onnx");
    private readonly OnnxTransformer _transformer;
    private readonly IDataView _scored;
    private readonly string[] _outputs;

    public StockScorer(MLContext ml, byte[] graph, IDataView data, params string[] outputs)
    {
        _outputs = outputs;
        File.WriteAllBytes(_path, graph);
        _transformer = ml.Transforms.ApplyOnnxModel(outputs, ["Features"], _path).Fit(data);
        _scored = _transformer.Transform(data);
    }

    /// <summary>Reads every output of the first rows, and returns a sum over what was read.</summary>
    public double Read(int rows)
    {
        DataViewSchema.Column[] columns = [.. _outputs.Select(name => _scored.Schema[name])];
        using DataViewRowCursor cursor = _scored.GetRowCursor(columns);
        Func<double>[] readers = [.. columns.Select(column => Reader(cursor, column))];
        double sum = 0;
        for (int row = 0; row < rows && cursor.MoveNext(); row++)
        {
            foreach (Func<double> read in readers)
                sum += read();
        }
        return sum;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _transformer.Dispose();
        File.Delete(_path);
    }

    private static Func<double> Reader(DataViewRowCursor cursor, DataViewSchema.Column column)
    {
        if (((VectorDataViewType)column.Type).ItemType == BooleanDataViewType.Instance)
        {
            ValueGetter<VBuffer<bool>> getFlags = cursor.GetGetter<VBuffer<bool>>(column);
            VBuffer<bool> flags = default;
            return () =>
            {
                getFlags(ref flags);
                return flags.GetItemOrDefault(0) ? 1 : 0;
            };
        }
        ValueGetter<VBuffer<float>> getNumbers = cursor.GetGetter<VBuffer<float>>(column);
        VBuffer<float> numbers = default;
        return () =>
        {
            getNumbers(ref numbers);
            return numbers.GetItemOrDefault(0);
        };
    }
}
