using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>
/// A pipeline and what ML.NET's ConvertToOnnx made of it: every column of the one against the other, by ONNX Runtime on the raw columns and
/// by ML.NET's own ApplyOnnxModel.
/// </summary>
internal sealed class ConvertedPipeline : IDisposable
{
    private readonly MLContext _ml;
    private readonly ITransformer _model;
    private readonly InferenceSession _session;

    /// <summary>Converts a pipeline.</summary>
    /// <param name="ml">The context.</param>
    /// <param name="model">The pipeline.</param>
    /// <param name="data">The data that ConvertToOnnx is given.</param>
    /// <param name="outputs">The columns to keep; none for all.</param>
    public ConvertedPipeline(MLContext ml, ITransformer model, IDataView data, params string[] outputs)
    {
        (_ml, _model) = (ml, model);
        Bytes = Convert(ml, model, data, outputs);
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        _session = new InferenceSession(Bytes, options);
    }

    /// <summary>The graph.</summary>
    public byte[] Bytes { get; }

    /// <summary>The names of the columns that the graph gives out.</summary>
    public string[] Columns => [.. _session.OutputNames.Where(name => name.EndsWith(".output", StringComparison.Ordinal))
        .Select(name => name[..^".output".Length])];

    /// <summary>The bytes that ConvertToOnnx writes.</summary>
    public static byte[] Convert(MLContext ml, ITransformer model, IDataView data, params string[] outputs)
    {
        using var stream = new MemoryStream();
        if (outputs.Length == 0) ml.Model.ConvertToOnnx(model, data, stream);
        else ml.Model.ConvertToOnnx(model, data, stream, outputs);
        return stream.ToArray();
    }

    /// <summary>Requires that the graph gives the pipeline's columns for rows; returns the largest difference of numbers in each.</summary>
    /// <param name="data">The rows, as they come.</param>
    /// <param name="batch">Rows in one call; 0 for all.</param>
    /// <param name="columns">Which columns; none for all that the graph gives out.</param>
    public Dictionary<string, double> AssertSame(IDataView data, int batch = 0, params string[] columns)
    {
        IDataView expected = _model.Transform(data);
        Dictionary<string, List<object>> found = Run(data, batch);
        return (columns.Length > 0 ? columns : Columns).ToDictionary(column => column,
            column => Largest(column, Values(expected, column), found[column + ".output"], Width(expected.Schema[column])));
    }

    /// <summary>The same by ApplyOnnxModel, which runs row by row.</summary>
    public Dictionary<string, double> AssertSameByMlNet(IDataView data, params string[] columns)
    {
        string path = Path.Combine(Path.GetTempPath(), $"realnvp-{Guid.NewGuid():N}.onnx");
        File.WriteAllBytes(path, Bytes);
        try
        {
            string[] outputs = columns.Length > 0 ? columns : Columns;
            // what the raw columns have of the same names would hide behind the results
            IDataView expected = _model.Transform(data);
            ITransformer applied = _ml.Transforms
                .ApplyOnnxModel([.. outputs.Select(name => name + ".output")], _session.InputNames.ToArray(), path)
                .Fit(data);
            IDataView found = applied.Transform(data);
            Dictionary<string, double> differences = outputs.ToDictionary(column => column,
                column => Largest(column, Values(expected, column),
                Values(found, found.Schema.GetColumnOrNull(column + ".output") is null ? column : column + ".output"),
                    Width(expected.Schema[column])));
            (applied as IDisposable)?.Dispose();
            return differences;
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    /// <summary>Every output of the graph, flat, as numbers, flags or texts.</summary>
    public Dictionary<string, List<object>> Run(IDataView data, int batch = 0)
    {
        Dictionary<string, (List<object> Values, int[] Dimensions)> inputs =
            _session.InputMetadata.ToDictionary(input => input.Key, input =>
            (Values(data, input.Key), input.Value.Dimensions[1..].Select(length => Math.Max(length, 1)).ToArray()));
        int rows = inputs.Values.Max(input => input.Values.Count / Product(input.Dimensions));
        var results = _session.OutputNames.ToDictionary(name => name, _ => new List<object>());
        for (int start = 0; start < rows; start += batch == 0 ? rows : batch)
        {
            int take = Math.Min(batch == 0 ? rows : batch, rows - start);
            List<NamedOnnxValue> given = [.. inputs.Select(input => Tensor(input.Key, input.Value.Values, start, take,
                input.Value.Dimensions,
                _session.InputMetadata[input.Key].ElementType))];
            using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = _session.Run(given);
            foreach (DisposableNamedOnnxValue output in outputs)
                results[output.Name].AddRange(((System.Collections.IEnumerable)output.Value).Cast<object>());
        }
        return results;
    }

    private static double Largest(string column, List<object> expected, List<object> found, int width)
    {
        Assert.True(expected.Count == found.Count, $"{column}: {found.Count} values for {expected.Count}.");
        double largest = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            if (expected[i] is not float number)
            {
                Assert.True(expected[i].Equals(found[i]), $"{column}: value {i} is {found[i]}, expected {expected[i]}.");
                continue;
            }
            float other = (float)found[i];
            if (number.Equals(other))
                continue;
            double difference = Math.Abs((double)number - other);
            Assert.True(difference <= Tolerance.Of(number, width), // NaN is not
                $"{column}: value {i} is {other}, expected {number}.");
            largest = Math.Max(largest, difference);
        }
        return largest;
    }

    private static int Width(DataViewSchema.Column column) => (column.Type as VectorDataViewType)?.Size ?? 1;

    private static int Product(int[] dimensions) => dimensions.Aggregate(1, (product, length) => product * length);

    private static NamedOnnxValue Tensor(string name, List<object> values, int start, int rows, int[] dimensions, Type type)
    {
        int width = Product(dimensions);
        object[] taken = [.. values.Skip(start * width).Take(rows * width)];
        int[] shape = [rows, .. dimensions];
        if (type == typeof(string)) return Of<string>();
        if (type == typeof(float)) return Of<float>();
        if (type == typeof(bool)) return Of<bool>();
        if (type == typeof(int)) return Of<int>();
        if (type == typeof(uint)) return Of<uint>();
        return type == typeof(double) ? Of<double>() : throw new NotSupportedException($"{name} is {type}.");

        NamedOnnxValue Of<T>() => NamedOnnxValue.CreateFromTensor(name,
            new Microsoft.ML.OnnxRuntime.Tensors.DenseTensor<T>(taken.Cast<T>().ToArray(), shape));
    }

    private static List<object> Values(IDataView view, string name)
    {
        DataViewSchema.Column column = view.Schema[name];
        bool isVector = column.Type is VectorDataViewType;
        Type raw = (column.Type as VectorDataViewType)?.ItemType.RawType ?? column.Type.RawType;
        if (raw == typeof(ReadOnlyMemory<char>))
            return [.. Read<ReadOnlyMemory<char>>().Select(text => text.ToString())];
        if (raw == typeof(float)) return [.. Read<float>()];
        if (raw == typeof(bool)) return [.. Read<bool>()];
        if (raw == typeof(int)) return [.. Read<int>()];
        if (raw == typeof(uint)) return [.. Read<uint>()];
        return raw == typeof(double) ? [.. Read<double>()] : throw new NotSupportedException($"{name} is {column.Type}.");

        IEnumerable<T> Read<T>() => isVector ? view.GetColumn<VBuffer<T>>(column).SelectMany(value => value.DenseValues().ToArray())
            : view.GetColumn<T>(column);
    }
}
