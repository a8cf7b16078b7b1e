using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Trainers.Freezing;

/// <summary>Scores the calibration slice by the graph that will score rows later, and keeps the scores.</summary>
internal static class Calibrator
{
    /// <param name="runtime">Runs the graph.</param>
    /// <param name="model">The flow.</param>
    /// <param name="rows">The slice, row-major, each row with its condition after its features.</param>
    /// <param name="contamination">The share of rows to flag.</param>
    /// <param name="cancellation">Ends it.</param>
    public static FlowModel Calibrate(FlowRuntime runtime, FlowModel model, float[] rows, double contamination,
        CancellationToken cancellation = default)
    {
        int features = model.InputShape.Size, size = features + (model.Condition?.Size ?? 0);
        float[] Columns(Range range) => [.. rows.Chunk(size).SelectMany(row => row[range])];
        (float[] x, float[]? conditions) = model.Condition is null ? (rows, null) : (Columns(..features), Columns(features..));
        IEnumerable<float> scores = runtime.LogLikelihoods(x, conditions, cancellation).Select(logLikelihood => -logLikelihood);
        return model.WithCalibration(new Calibration(scores, contamination));
    }
}
