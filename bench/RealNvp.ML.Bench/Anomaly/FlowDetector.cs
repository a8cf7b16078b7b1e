using Microsoft.ML;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>The flow, with the trainer's defaults and a seed, unless an experiment says otherwise.</summary>
internal sealed class FlowDetector(Experiment experiment) : MlNetDetector
{
    /// <summary>Its name.</summary>
    public const string FileName = "RealNvp";

    /// <inheritdoc/>
    public override string Name => FileName;

    /// <inheritdoc/>
    /// <remarks>Builds are deterministic: a module's identity is that of its source.</remarks>
    public override string Fingerprint => string.Join(' ',
        [Experiment.Describe(experiment.Options()),
            .. new[] { typeof(FlowModel), typeof(RealNvpTransformer), typeof(RealNvpTrainer) }.Select(type
            => $"{type.Module.ModuleVersionId}")]);

    /// <inheritdoc/>
    protected override ITransformer Fit(MLContext ml, IDataView rows, int seed) => Fit(experiment.Options(), ml, rows, seed);

    /// <inheritdoc/>
    protected override ITransformer Untrained(MLContext ml, IDataView rows, int seed) => Fit(experiment.Untrained(), ml, rows, seed);

    private static RealNvpTransformer Fit(RealNvpTrainer.Options options, MLContext ml, IDataView rows, int seed)
    {
        options.Seed = seed;
        return ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
    }
}
