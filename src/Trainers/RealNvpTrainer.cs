using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;
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
/// | `Typicality`, `TypicalityPValue` | Single | \|Score - mean held-out score\| and its p-value: far from typical on either side. |
/// | `Contributions` | Vector of Single | Where named in the columns option: what each feature adds to the score. |
/// | `Latent` | Vector of Single | The row in the flow's latent space, standard normal where the flow fits. Only with one member. |
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

        /// <summary>
        /// The number of flows, each from a seed of its own, whose equal mixture is the model. More rank and fit better and take as many times longer;
        /// a mixture has no latent column.
        /// </summary>
        public int Members = Defaults.Members;

        /// <summary>What stands between the couplings.</summary>
        public FeatureMixing Mixing = Defaults.Mixing;

        /// <summary>
        /// Whether a learned sinh-arcsinh map (Jones and Pewsey 2009) stands before each coupling, which shapes the skewness and the tails of every feature:
        /// fits skewed and heavy-tailed columns better, at the price of a third more time.
        /// </summary>
        public bool SinhArcsinh = Defaults.SinhArcsinh;

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

        /// <summary>
        /// Whether features with few different values (at most 20, or 5% of the rows) get uniform noise of their smallest gap in training, so that their
        /// density does not run to infinity.
        /// </summary>
        public bool Dequantize = Defaults.Dequantize;

        /// <summary>
        /// The share of each batch, from 0 to below 0.5, that is left out for having the lowest likelihood, so that a contaminated training set does not
        /// teach its anomalies.
        /// </summary>
        public double Trim = Defaults.Trim;

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

        /// <summary>
        /// Threads of libtorch while training, a setting of the process; null takes one where <see cref="HiddenUnits"/> is at most 128, which gain little from
        /// more and lose much on a busy machine, and the process's setting else. The same model is promised for the same number.
        /// </summary>
        public int? Threads;

        /// <summary>Takes progress after each evaluation; called on the training thread.</summary>
        public IProgress<TrainingProgress>? Progress;

        /// <summary>Stops training at the next step with an <see cref="OperationCanceledException"/>.</summary>
        public CancellationToken CancellationToken;

        /// <summary>
        /// Options for a density that is as high as can be on rows that were held out, rather than for ranking anomalies: learned linear maps and marginals, a longer
        /// training with more dropout and less noise. Chosen by validation likelihood on three tables of 1,600 to 5,900 rows (docs/density.md); with
        /// <see cref="Members"/> = 5 the mixture gains as much again. On far larger tables set <see cref="Epochs"/> lower.
        /// </summary>
        public static Options ForDensity() => new()
        {
            Mixing = FeatureMixing.Linear,
            SinhArcsinh = true,
            Couplings = 12,
            Activation = Activation.Tanh,
            Dropout = 0.2,
            Noise = 0.02,
            LearningRate = 6e-3,
            Epochs = 300,
            Patience = 0,
        };

        internal void Check()
        {
            Columns = (Columns ?? RealNvpColumns.Default).Checked();
            Require(Members >= 1, nameof(Members), Members, "1 or more");
            Require(Enum.IsDefined(Mixing), nameof(Mixing), Mixing, "a defined value");
            Require(Trim is >= 0 and < 0.5, nameof(Trim), Trim, "from 0 to below 0.5");
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
        public const int Members = 1;
        public const FeatureMixing Mixing = FeatureMixing.Rotation;
        public const bool SinhArcsinh = false;
        public const bool Dequantize = true;
        public const double Trim = 0;
        public const int Couplings = 8;
        public const int HiddenLayers = 2;
        public const int HiddenUnits = 64;
        public const Activation Activation = Export.Steps.Activation.Relu;
        public const double Dropout = 0.1;
        public const double LogScaleGain = 2;
        public const bool BatchNorm = false;
        public const double TailBound = 10;
        public const double Noise = 0.05;
        public const double LearningRate = 3e-3;
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
        OnnxLibrary.Require(); // needed at the end, and better missed before the training than after it
        Device device = TorchRuntime.SelectDevice(MlNetInternals.GpuDeviceId(_host), MlNetInternals.FallbackToCpu(_host), message => channel.Warning(MessageSensitivity.None, message));
        using var threads = new TorchThreads(_options.Threads ?? (_options.HiddenUnits <= 128 ? 1 : null));
        int seed = _options.Seed ?? MlNetInternals.Seed(_host) ?? Random.Shared.Next();

        TrainingRows rows = TrainingRows.Read(input, column, features, _options.CancellationToken);
        CheckRows(rows, channel);
        RowSplit split = RowSplit.Draw(rows.Count, _options.ValidationFraction, _options.CalibrationFraction, _options.Contamination, seed);

        using DisposeScope scope = NewDisposeScope();
        float[] trainingRows = rows.Gather(split.Training);
        ColumnFacts columns = ColumnFacts.Of(trainingRows, features, _options.Dequantize);
        Tensor training = rows.ToTensor(split.Training).to(device);
        Tensor? validation = split.Validation.Length > 0 ? rows.ToTensor(split.Validation).to(device) : null;
        TrainingPlan plan = TrainingPlanner.Plan(_options, split.Training.Length, features);
        channel.Info(MessageSensitivity.None, $"Training on {split.Training.Length} rows of {features} features, {split.Validation.Length} for validation, {split.Calibration.Length} for calibration; {_options.Members} x {plan.Steps} steps of {plan.BatchSize} rows on {device}.");

        var flows = new List<Flow>();
        var outcomes = new List<TrainingOutcome>();
        for (int member = 0; member < _options.Members; member++)
        {
            int memberSeed = unchecked(seed + member * 1_000_003);
            using var generator = new Generator((ulong)(uint)memberSeed, device);
            using var noise = new TrainingNoise(columns.BinWidths, Array.ConvertAll(columns.StandardDeviation, deviation => (float)(_options.Noise * deviation)), generator, device);
            Flow flow = VectorFlow.Build(columns, _options, memberSeed, generator);
            flow.to(device);
            flows.Add(flow);
            if (!flow.Learns)
                continue;
            outcomes.Add(new TrainingLoop(flow, plan, generator, training, validation, noise)
            {
                Progress = new ProgressFan(_options.Progress, channel, member, _options.Members),
                Warn = message => channel.Warning(MessageSensitivity.None, message),
            }.Run(_options.CancellationToken));
        }

        FlowMetadata metadata = TrainingSummary.Metadata(column, columns, rows, split, _options, plan, outcomes, device, seed, clock.Elapsed);
        FlowModel model = FlowFreezer.Freeze(flows, features, metadata, seed);
        flows.ForEach(flow => flow.Dispose());
        model = Calibrator.Calibrate(_host, model, rows.Gather(split.Calibration), _options.Contamination);
        FlowParity.Check(model);
        if (float.IsPositiveInfinity(model.Calibration.Threshold) && _options.Contamination > 0)
            channel.Warning(MessageSensitivity.None, $"Nothing will be flagged: {model.Calibration.Count} calibration rows are too few for a contamination of {_options.Contamination}, which needs {Math.Ceiling(1 / _options.Contamination - 1e-9) - 1}. Raise CalibrationFraction or Contamination, or set a threshold with WithThreshold.");
        channel.Info(MessageSensitivity.None, $"Trained in {clock.Elapsed.TotalSeconds:F1} s: threshold {model.Calibration.Threshold:G6}.");
        return new RealNvpTransformer(_host, model, _options.Columns);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => RealNvpScoringEstimator.OutputShape(inputSchema, _options.Columns, hasLatent: _options.Members == 1);

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

    /// <summary>Progress over all members, to the option's receiver and, in words, to the channel.</summary>
    private sealed class ProgressFan(IProgress<TrainingProgress>? receiver, IChannel channel, int member, int members) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            TrainingProgress overall = value with
            {
                Epoch = value.Epoch + member * value.Epochs,
                Epochs = members * value.Epochs,
                Step = value.Step + member * value.Steps,
                Steps = members * value.Steps,
                Remaining = value.Remaining + (members - member - 1) * (value.Elapsed + value.Remaining),
                Elapsed = value.Elapsed + member * (value.Elapsed + value.Remaining),
            };
            receiver?.Report(overall);
            channel.Info(MessageSensitivity.None,
                $"Step {overall.Step}/{overall.Steps}, epoch {overall.Epoch:F1}: training NLL {value.TrainingNll:F3}, validation NLL {value.ValidationNll:F3} nats, learning rate {value.LearningRate:G3}, {value.RowsPerSecond:F0} rows/s, {overall.Remaining.TotalSeconds:F0} s left.");
        }
    }
}
