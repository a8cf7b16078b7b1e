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
        (float[] x, float[]? conditions) = Apart(model, rows);
        IEnumerable<float> scores = runtime.LogLikelihoods(x, conditions, cancellation).Select(logLikelihood => -logLikelihood);
        return model.WithCalibration(new Calibration(scores, contamination));
    }

    /// <summary>As <see cref="Calibrate"/>, of the score map: its largest values, and its values at random positions.</summary>
    /// <param name="runtime">Runs the graph.</param>
    /// <param name="model">The flow.</param>
    /// <param name="rows">The slice, row-major, each row with its condition after its features.</param>
    /// <param name="contamination">The share of rows, and of positions, to flag.</param>
    /// <param name="seed">Of the positions.</param>
    /// <param name="cancellation">Ends it.</param>
    public static FlowModel CalibrateMap(FlowRuntime runtime, FlowModel model, float[] rows, double contamination, int seed,
        CancellationToken cancellation = default)
    {
        (float[] x, float[]? conditions) = Apart(model, rows);
        int positions = model.InputShape.Dimensions[1] * model.InputShape.Dimensions[2];
        float[][] maps = [.. runtime.ScoreMaps(x, conditions, cancellation).Chunk(positions)];
        var random = new Random(seed);
        int each = maps.Length == 0 ? 0 : Math.Min(positions, Math.Max(1, Calibration.MaxScores / maps.Length));
        return model.WithScoreMapCalibration(new ScoreMapCalibration(maps.Select(map => map.Max()),
            maps.SelectMany(map => random.GetItems(map, each)), contamination));
    }

    /// <summary>Features and conditions of rows that have both.</summary>
    private static (float[] Features, float[]? Conditions) Apart(FlowModel model, float[] rows)
    {
        int features = model.InputShape.Size, size = features + (model.Condition?.Size ?? 0);
        float[] Columns(Range range) => [.. rows.Chunk(size).SelectMany(row => row[range])];
        return model.Condition is null ? (rows, null) : (Columns(..features), Columns(features..));
    }
}
