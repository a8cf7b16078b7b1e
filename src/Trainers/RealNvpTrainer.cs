using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers;

/// <summary>
/// Fits a Real NVP normalizing flow (Dinh, Sohl-Dickstein, Bengio, ICLR 2017) to a feature column by maximum likelihood: an exact density, scores for
/// anomaly detection, and a sampler. Create it by <c>mlContext.AnomalyDetection.Trainers.RealNvp(...)</c>.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and Output Columns
/// The input is a known-size vector of <xref:System.Single>. No label is read: fit on normal rows, or on all rows where anomalies are rare.
///
/// | Output column | Type | Meaning |
/// | -- | -- | -- |
/// | `Score` | Single | -LogLikelihood: higher is more anomalous, unbounded, may be negative, finite for every finite row. |
/// | `PredictedLabel` | Boolean | Whether the score is above the threshold, which flags the share `Contamination` of rows like the training rows. |
/// | `LogLikelihood` | Single | Natural logarithm of the density, in the units of the feature column. |
/// | `PValue` | Single | Share of held-out rows (this one counted) that score as high or higher. |
/// | `Latent` | Vector of Single | The row in the flow's latent space, standard normal where the flow fits. |
///
/// ### Trainer Characteristics
/// | | |
/// | -- | -- |
/// | Machine learning task | Anomaly detection, density estimation |
/// | Is normalization required? | No: standardisation is the flow's first step |
/// | Is caching required? | No: rows are read once |
/// | Required NuGet in addition to Microsoft.ML | RealNvp.ML.Trainers, TorchSharp-cpu or TorchSharp-cuda-linux, Microsoft.ML.OnnxRuntime or .Gpu |
/// | Exportable to ONNX | Yes: `ExportDensity` and `ExportSampler` of the fitted transformer |
/// ]]></format>
/// </remarks>
public sealed class RealNvpTrainer : IEstimator<RealNvpTransformer>
{
    private readonly IHost _host;
    private readonly Options _options;

    internal RealNvpTrainer(IHostEnvironment environment, Options options)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _host = environment.Register(nameof(RealNvpTrainer));
        _options = options;
    }

    /// <summary>Everything that can be chosen. The defaults work without tuning on small and middling tables.</summary>
    public sealed class Options
    {
        /// <summary>The names of the columns that are read and added.</summary>
        public RealNvpColumns Columns = RealNvpColumns.Default;

        /// <summary>The number of affine couplings, at least 2 so that every feature is transformed.</summary>
        public int Couplings = Defaults.Couplings;

        /// <summary>Hidden layers of each coupling's net.</summary>
        public int HiddenLayers = Defaults.HiddenLayers;

        /// <summary>Width of each hidden layer.</summary>
        public int HiddenUnits = Defaults.HiddenUnits;

        /// <summary>The nonlinearity of the hidden layers.</summary>
        public Activation Activation = Defaults.Activation;

        /// <summary>The share of hidden values that is dropped in training, 0 to below 1: what helps most against overfitting small tables.</summary>
        public double Dropout = Defaults.Dropout;

        /// <summary>Where the learned bound of each log-scale starts, above 0.</summary>
        public double LogScaleGain = Defaults.LogScaleGain;

        /// <summary>Whether a batch norm follows each coupling (paper, section 3.7). Off by default: with dropout it did not raise held-out likelihood.</summary>
        public bool BatchNorm = Defaults.BatchNorm;

        /// <summary>Standard deviations beyond which values are compressed logarithmically, so that extreme rows neither dominate nor overflow; 0 turns it off.</summary>
        public double TailBound = Defaults.TailBound;

        /// <summary>Gaussian noise added in training, in standard deviations of each feature: keeps the density of duplicated and rounded rows finite; 0 turns it off.</summary>
        public double Noise = Defaults.Noise;

        /// <summary>The highest learning rate: a linear warm-up leads to it, a half cosine from it to 0.</summary>
        public double LearningRate = Defaults.LearningRate;

        /// <summary>Decoupled weight decay per step, times the learning rate.</summary>
        public double WeightDecay = Defaults.WeightDecay;

        /// <summary>The global gradient norm beyond which gradients are scaled down; 0 chooses 5 sqrt(D), a negative number turns it off.</summary>
        public double GradientClip = Defaults.GradientClip;

        /// <summary>Rows per batch; 0 chooses by the number of rows.</summary>
        public int BatchSize = Defaults.BatchSize;

        /// <summary>Passes over the training rows; 0 chooses by the number of rows.</summary>
        public int Epochs = Defaults.Epochs;

        /// <summary>Evaluations without a better validation likelihood after which training stops; 0 never stops early.</summary>
        public int Patience = Defaults.Patience;

        /// <summary>The share of rows that chooses the best model, from 0 (the last model is kept) to below 1.</summary>
        public double ValidationFraction = Defaults.ValidationFraction;

        /// <summary>
        /// The share of rows that calibrates p-values and the threshold and is used for nothing else, from 0 (nothing is flagged) to below 1. On small
        /// data the slice grows to the 1 / Contamination - 1 rows that a threshold needs, up to a quarter of the rows.
        /// </summary>
        public double CalibrationFraction = Defaults.CalibrationFraction;

        /// <summary>The share of rows like the training rows that the threshold flags, from 0 to below 1.</summary>
        public double Contamination = Defaults.Contamination;

        /// <summary>What to do with rows that have a NaN or infinite feature.</summary>
        public NonFiniteRows NonFiniteRows = NonFiniteRows.Skip;

        /// <summary>The seed of everything random; null takes that of the MLContext, and a random one where that has none.</summary>
        public int? Seed;

        /// <summary>Threads of libtorch while training; null leaves the process's setting. The same model is promised for the same number.</summary>
        public int? Threads;

        /// <summary>Takes progress after each evaluation; called on the training thread.</summary>
        public IProgress<TrainingProgress>? Progress;

        /// <summary>Stops training at the next step with an <see cref="OperationCanceledException"/>.</summary>
        public CancellationToken CancellationToken;

        internal void Check()
        {
            Columns = (Columns ?? RealNvpColumns.Default).Checked();
            Require(Couplings >= 2, nameof(Couplings), Couplings, "at least 2, so that every feature is transformed");
            Require(HiddenLayers >= 0, nameof(HiddenLayers), HiddenLayers, "0 or more");
            Require(HiddenUnits >= 1, nameof(HiddenUnits), HiddenUnits, "1 or more");
            Require(Dropout is >= 0 and < 1, nameof(Dropout), Dropout, "from 0 to below 1");
            Require(LogScaleGain is > 0 and <= Steps.AffineCoupling.MaxGain, nameof(LogScaleGain), LogScaleGain, $"above 0 and at most {Steps.AffineCoupling.MaxGain}");
            Require(TailBound is 0 or >= 1 and < 1e6, nameof(TailBound), TailBound, "0, or from 1 to below a million");
            Require(Noise is >= 0 and < 10, nameof(Noise), Noise, "from 0 to below 10");
            Require(LearningRate > 0 && double.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "above 0");
            Require(WeightDecay is >= 0 and < 1, nameof(WeightDecay), WeightDecay, "from 0 to below 1");
            Require(double.IsFinite(GradientClip), nameof(GradientClip), GradientClip, "a number");
            Require(BatchSize is 0 or >= 2, nameof(BatchSize), BatchSize, "0, or 2 or more");
            Require(Epochs >= 0, nameof(Epochs), Epochs, "0 or more");
            Require(Patience >= 0, nameof(Patience), Patience, "0 or more");
            Require(ValidationFraction is >= 0 and < 1, nameof(ValidationFraction), ValidationFraction, "from 0 to below 1");
            Require(CalibrationFraction is >= 0 and < 1, nameof(CalibrationFraction), CalibrationFraction, "from 0 to below 1");
            Require(ValidationFraction + CalibrationFraction < 1, nameof(CalibrationFraction), CalibrationFraction, "below 1 together with ValidationFraction");
            Require(Contamination is >= 0 and < 1, nameof(Contamination), Contamination, "from 0 to below 1");
            Require(Threads is null or >= 1, nameof(Threads), Threads ?? 0, "null, or 1 or more");
        }

        private static void Require(bool holds, string name, object found, string expected)
        {
            if (!holds)
                throw new ArgumentOutOfRangeException(name, found, $"{name} is {found}, expected {expected}.");
        }
    }

    /// <summary>The defaults of <see cref="Options"/>.</summary>
    internal static class Defaults
    {
        public const int Couplings = 8;
        public const int HiddenLayers = 2;
        public const int HiddenUnits = 64;
        public const Activation Activation = Export.Steps.Activation.Relu;
        public const double Dropout = 0.1;
        public const double LogScaleGain = 2;
        public const bool BatchNorm = false;
        public const double TailBound = 10;
        public const double Noise = 0.05;
        public const double LearningRate = 2e-3;
        public const double WeightDecay = 0;
        public const double GradientClip = 0;
        public const int BatchSize = 0;
        public const int Epochs = 0;
        public const int Patience = 15;
        public const double ValidationFraction = 0.1;
        public const double CalibrationFraction = 0.1;
        public const double Contamination = 0.05;
    }

    /// <summary>Trains a flow on the feature column of <paramref name="input"/>.</summary>
    /// <returns>A transformer that scores and samples through ONNX Runtime; dispose it when done.</returns>
    /// <exception cref="ArgumentException">The column is missing or of another type, or there are too few rows, or non-finite ones where they are to fail.</exception>
    /// <exception cref="InvalidOperationException">The loss did not stay finite, or the GPU asked for is missing and the CPU will not do.</exception>
    /// <exception cref="DllNotFoundException">A native package is missing.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    public RealNvpTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        using IChannel channel = _host.Start("Training");
        var clock = Stopwatch.StartNew();
        DataViewSchema.Column column = FeatureColumn.Find(input.Schema, _options.Columns.Features);
        int features = ((VectorDataViewType)column.Type).Size;
        TorchRuntime.Require();
        Device device = TorchRuntime.SelectDevice(MlNetInternals.GpuDeviceId(_host), MlNetInternals.FallbackToCpu(_host), message => channel.Warning(MessageSensitivity.None, message));
        using var threads = new TorchThreads(_options.Threads);
        int seed = _options.Seed ?? MlNetInternals.Seed(_host) ?? Random.Shared.Next();

        TrainingRows rows = TrainingRows.Read(input, column, features, _options.CancellationToken);
        CheckRows(rows, channel);
        RowSplit split = RowSplit.Draw(rows.Count, _options.ValidationFraction, _options.CalibrationFraction, _options.Contamination, seed);

        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)(uint)seed, device);
        (float[] mean, float[] deviation) = ColumnStatistics.Compute(rows.Gather(split.Training), features);
        using Flow flow = VectorFlow.Build(mean, deviation, _options, seed, generator);
        flow.to(device);

        TrainingPlan plan = TrainingPlanner.Plan(_options, split.Training.Length, features);
        channel.Info(MessageSensitivity.None, $"Training on {split.Training.Length} rows of {features} features, {split.Validation.Length} for validation, {split.Calibration.Length} for calibration; {plan.Steps} steps of {plan.BatchSize} rows on {device}.");
        var progress = new ProgressFan(_options.Progress, channel);
        TrainingOutcome outcome = TrainingOutcome.Nothing;
        if (flow.Learns)
        {
            Tensor? validation = split.Validation.Length > 0 ? rows.ToTensor(split.Validation).to(device) : null;
            using var loop = new TrainingLoop(flow, plan, generator, rows.ToTensor(split.Training).to(device), validation)
            {
                Progress = progress,
                Warn = message => channel.Warning(MessageSensitivity.None, message),
            };
            outcome = loop.Run(_options.CancellationToken);
        }

        FlowMetadata metadata = TrainingSummary.Metadata(column, rows, split, plan, outcome, device, seed, clock.Elapsed);
        FlowModel model = FlowFreezer.Freeze(flow, features, metadata, seed);
        model = Calibrator.Calibrate(_host, model, rows.Gather(split.Calibration.AsSpan(0, Math.Min(split.Calibration.Length, Calibration.MaxScores))), _options.Contamination);
        FlowParity.Check(model);
        if (float.IsPositiveInfinity(model.Calibration.Threshold) && _options.Contamination > 0)
            channel.Warning(MessageSensitivity.None, $"Nothing will be flagged: {model.Calibration.Count} calibration rows are too few for a contamination of {_options.Contamination}, which needs {Math.Ceiling(1 / _options.Contamination - 1e-9) - 1}. Raise CalibrationFraction or Contamination, or set a threshold with WithThreshold.");
        channel.Info(MessageSensitivity.None, $"Trained in {clock.Elapsed.TotalSeconds:F1} s: validation log-likelihood {outcome.ValidationLogLikelihood:F3} nats, threshold {model.Calibration.Threshold:G6}.");
        return new RealNvpTransformer(_host, model, _options.Columns);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => RealNvpScoringEstimator.OutputShape(inputSchema, _options.Columns);

    private void CheckRows(TrainingRows rows, IChannel channel)
    {
        string name = _options.Columns.Features;
        if (rows.Skipped > 0)
        {
            if (_options.NonFiniteRows == NonFiniteRows.Fail)
                throw new ArgumentException($"Column '{name}' has {rows.Skipped} rows with a NaN or infinite feature, expected none. Replace missing values before, or set NonFiniteRows to Skip.", "input");
            channel.Warning(MessageSensitivity.None, $"{rows.Skipped} rows with a NaN or infinite feature in column '{name}' are left out of training.");
        }
        int least = 2 + (_options.ValidationFraction > 0 ? 1 : 0) + (_options.CalibrationFraction > 0 ? 1 : 0);
        if (rows.Count < least)
            throw new ArgumentException($"Column '{name}' has {rows.Count} finite rows, expected at least {least}: 2 to train on and 1 for each held-out slice.", "input");
    }

    /// <summary>Progress to the option's receiver and, in words, to the channel.</summary>
    private sealed class ProgressFan(IProgress<TrainingProgress>? receiver, IChannel channel) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            receiver?.Report(value);
            channel.Info(MessageSensitivity.None,
                $"Step {value.Step}/{value.Steps}, epoch {value.Epoch:F1}: training NLL {value.TrainingNll:F3}, validation NLL {value.ValidationNll:F3} nats, learning rate {value.LearningRate:G3}, {value.RowsPerSecond:F0} rows/s, {value.Remaining.TotalSeconds:F0} s left.");
        }
    }
}
