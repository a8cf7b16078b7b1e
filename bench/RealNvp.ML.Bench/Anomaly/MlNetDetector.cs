using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>A detector that is an ML.NET estimator.</summary>
internal abstract class MlNetDetector : Detector
{
    /// <inheritdoc/>
    public override DetectorRun Run(float[][] train, float[][] test, int seed)
    {
        var ml = new MLContext(seed);
        IDataView trainRows = Tables.Cached(ml, train), testRows = Tables.Cached(ml, test);
        long start = Stopwatch.GetTimestamp();
        ITransformer model = Fit(ml, trainRows, seed);
        try
        {
            double fitSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            start = Stopwatch.GetTimestamp();
            float[] scores = [.. model.Transform(testRows).GetColumn<float>("Score")];
            double scoreSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            ITransformer? untrained = Untrained(ml, trainRows, seed);
            using var held = untrained as IDisposable;
            return new DetectorRun(scores, (model as RealNvpTransformer)?.Model.Calibration, fitSeconds, scoreSeconds)
            {
                Untrained = untrained is null ? null : [.. untrained.Transform(testRows).GetColumn<float>("Score")],
            };
        }
        finally
        {
            (model as IDisposable)?.Dispose();
        }
    }

    /// <summary>Learns from the column Features.</summary>
    protected abstract ITransformer Fit(MLContext ml, IDataView rows, int seed);

    /// <summary>The same before it has learned, where that says anything.</summary>
    protected virtual ITransformer? Untrained(MLContext ml, IDataView rows, int seed) => null;
}
