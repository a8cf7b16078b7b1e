using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Scores the calibration slice by the graph that will score rows later, and keeps the scores.</summary>
internal static class Calibrator
{
    public static FlowModel Calibrate(FlowRuntime runtime, FlowModel model, float[] rows, double contamination,
        CancellationToken cancellation = default)
    {
        IEnumerable<float> scores = runtime.LogLikelihoods(rows, cancellation).Select(logLikelihood => -logLikelihood);
        return model.WithCalibration(new Calibration(scores, contamination));
    }
}
