using Microsoft.ML.OnnxRuntime;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Runs ONNX bytes directly, without any of our own runtime code.</summary>
internal static class Graphs
{
    /// <summary>The named float outputs of a graph with one batch input [n, width].</summary>
    public static float[][] Run(byte[] graph, string input, float[] rows, int width, params string[] outputs)
    {
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(graph, options);
        using OrtValue values = OrtValue.CreateTensorValueFromMemory(rows, [rows.Length / width, width]);
        using var run = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> results = session.Run(run, [input], [values], outputs);
        return [.. results.Select(result => result.GetTensorDataAsSpan<float>().ToArray())];
    }
}
