using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Runs ONNX bytes and gives every output, flags as 0 and 1.</summary>
internal static class GraphResults
{
    /// <summary>All outputs of a graph with one batch input, and others, which have one value per row or one at all.</summary>
    public static Dictionary<string,
        float[]> Of(byte[] graph, string input, float[][] rows, params ReadOnlySpan<(string Name, float[] Values)> others)
    {
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = 1 };
        using var session = new InferenceSession(graph, options);
        return Of(session, input, rows, others);
    }

    /// <summary>The same of a session that is there.</summary>
    public static Dictionary<string, float[]> Of(InferenceSession session, string input, float[][] rows,
        params ReadOnlySpan<(string Name, float[] Values)> others)
    {
        List<NamedOnnxValue> inputs =
        [
            NamedOnnxValue.CreateFromTensor(input,
                new DenseTensor<float>(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length])),
        ];
        foreach ((string name, float[] values) in others)
            inputs.Add(NamedOnnxValue.CreateFromTensor(name,
                new DenseTensor<float>(values, values.Length == 1 ? [1] : [values.Length, 1])));
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run(inputs);
        return results.ToDictionary(result => result.Name, result => result.Value switch
        {
            Tensor<float> numbers => numbers.ToArray(),
            Tensor<bool> flags => [.. flags.Select(flag => flag ? 1f : 0f)],
            _ => throw new NotSupportedException(result.Name),
        });
    }
}
