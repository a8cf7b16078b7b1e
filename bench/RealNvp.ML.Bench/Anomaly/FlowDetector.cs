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
    protected override ITransformer Fit(MLContext ml, IDataView rows, int seed)
    {
        RealNvpTrainer.Options options = experiment.Options();
        options.Seed = seed;
        return ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
    }

    /// <inheritdoc/>
    /// <remarks>A normal distribution of standardised columns, with their tails compressed.</remarks>
    protected override ITransformer Untrained(MLContext ml, IDataView rows, int seed)
    {
        RealNvpTrainer.Options options = experiment.Options();
        (options.Seed, options.Steps, options.Epochs, options.LearningRate, options.Members) = (seed, 1, null, 1e-9, 1);
        options.Table = options.Table with { MixtureBound = 0 };
        return ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
    }
}
