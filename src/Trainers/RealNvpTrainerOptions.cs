using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Export.Storage;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers;

public sealed partial class RealNvpTrainer
{
    /// <summary>
    /// Everything that can be chosen. Null leaves a choice to the trainer, by the rows and their shape; 0 turns off. The defaults work
    /// without tuning on small and middling tables.
    /// </summary>
    public sealed class Options
    {
        /// <summary>
        /// The feature column, a known-size vector of <see cref="float"/>, or an image as ExtractPixels gives it; "Features" by default.
        /// </summary>
        public string FeatureColumnName = "Features";

        /// <summary>
        /// What the column's values are. Null goes by <see cref="Image"/> or <see cref="Maps"/>, where one is given, and else by the
        /// column: one of three dimensions, channels x height x width, has pixels where it has at most 4 channels and its values stand on
        /// levels, and is refused where they do not; any other column is a table.
        /// </summary>
        public FeatureKind? FeatureKind;

        /// <summary>
        /// The condition column, a known-size vector of <see cref="float"/>: the flow then is p(features | condition), and all that it says
        /// of a row is said given the row's condition. Null, the default, for none.
        /// </summary>
        public string? ConditionColumnName;

        /// <summary>
        /// The share of the rows of each batch whose condition is taken away in training, from 0, the default, to below 1; a quarter of
        /// these rows lose a random half of its values, so that the flow also learns what it means that some are missing. Above 0 NaN in a
        /// condition stands for a value that is not known, in training and in scoring, and one flow gives p(features | condition) and,
        /// where all is NaN, p(features); 0.2 is a usual share. With 0 a NaN condition is as a NaN feature.
        /// </summary>
        public double ConditionDropout;

        /// <summary>The names of the columns that the transformer adds; ML.NET's own by default.</summary>
        public RealNvpColumns Columns = RealNvpColumns.Default;

        /// <summary>
        /// A column of weights, Single, 0 or more: a row of weight 2 counts as two in the training and the validation likelihood and in the
        /// standardisation, one of weight 0 not at all. Calibration takes every row of a positive weight as one. Null, the default, weighs
        /// all rows alike.
        /// </summary>
        public string? ExampleWeightColumnName;

        /// <summary>
        /// A column that tells groups of rows apart (devices, patients, days): text, a key, a whole number, Boolean or a date. All rows of
        /// a group then stand in one slice, so that validation and calibration see groups that training does not, as those will be that
        /// are scored. Fractions are of groups, and one row of each calibrates: the share of flagged rows holds for rows of new groups,
        /// and needs 1 / Contamination - 1 groups. Views of <see cref="Validation"/> and <see cref="Calibration"/> need no such column.
        /// Null, the default, cuts row by row.
        /// </summary>
        public string? SamplingKeyColumnName;

        /// <summary>The flow of a table: a vector column.</summary>
        public TableFlowOptions Table = new();

        /// <summary>
        /// The multi-scale flow of an image column; null chooses it by the column's shape, and takes a column of one dimension as a table.
        /// </summary>
        public ImageFlowOptions? Image;

        /// <summary>The flow of a column of continuous maps; null chooses it by the column's shape.</summary>
        public FeatureMapOptions? Maps;

        /// <summary>
        /// The number of flows, each from a seed of its own, whose equal mixture is the model; 1 by default. More rank and fit better and
        /// take as many times the work; a mixture has no latent column.
        /// </summary>
        public int Members = 1;

        /// <summary>
        /// How many of the members train side by side, each on <see cref="Threads"/> of its own, with the weights that they have one after
        /// the other with as many threads. Null takes as many as the process may use cores; 1 trains one after the other, which takes less
        /// memory: the rows are held once, but what a step needs is there once for each member at work. On a GPU it is always one.
        /// </summary>
        public int? MembersAtOnce;

        /// <summary>Passes over the training rows; null chooses by the number of rows, unless <see cref="Steps"/> are given.</summary>
        public int? Epochs;

        /// <summary>Optimizer steps, instead of <see cref="Epochs"/>.</summary>
        public long? Steps;

        /// <summary>
        /// Rows per batch, at least 2. Null chooses by the number of rows: 128, 256 from 5,000 and 512 from 50,000 on; for images 16 with
        /// sides up to 28 and 64, as in the original, beyond.
        /// </summary>
        public int? BatchSize;

        /// <summary>
        /// The highest learning rate, to which a linear warm-up leads (<see cref="OptimizerOptions.WarmUp"/>); null chooses 0.003 for
        /// tables (0.03 for one feature) and small images, and 0.001 for images with a side of more than 28.
        /// </summary>
        public double? LearningRate;

        /// <summary>How the weights are learned beyond that.</summary>
        public OptimizerOptions Optimizer = new();

        /// <summary>
        /// Evaluations without a better validation likelihood after which training stops; 15 by default, 0 never stops early.
        /// </summary>
        public int Patience = 15;

        /// <summary>
        /// The share of hidden values (of whole maps, in the nets of an image flow) that is dropped in training, from 0 to below 1: what
        /// helps most against overfitting small data. Null chooses: 0.1 for tables; for images 0.2 below 5,000 rows and none, as in the
        /// original, from there on.
        /// </summary>
        public double? Dropout;

        /// <summary>
        /// Gaussian noise added to the rows of a table, or to continuous maps, in training, in standard deviations of each feature, or in
        /// scales by quartiles where a feature is scaled by those, and with a condition of what a linear function of that leaves of them;
        /// of maps in standard deviations of all channels, or of each
        /// (<see cref="FeatureMapOptions.SameUnits"/>). Keeps the density of duplicated and rounded rows finite. 0.05 by default; 0 turns
        /// it off.
        /// </summary>
        public double Noise = 0.05;

        /// <summary>
        /// The share of each batch, from 0, the default, to below 0.5, that is left out for having the lowest likelihood, so that a
        /// contaminated training set does not teach its anomalies.
        /// </summary>
        public double Trim;

        /// <summary>What to do with rows that have a NaN or infinite feature, or such a condition; Skip by default.</summary>
        public NonFiniteRows NonFiniteRows = NonFiniteRows.Skip;

        /// <summary>
        /// The share of rows that chooses the best model, from 0 (the last model is kept) to below 1; 0.1 by default. Of a small table
        /// the slice grows to 12 rows, up to a quarter of the rows.
        /// </summary>
        public double ValidationFraction = 0.1;

        /// <summary>
        /// Rows that choose the best model, instead of a share of the training rows: a view with the same columns. Fit's second argument
        /// does the same.
        /// </summary>
        public IDataView? Validation;

        /// <summary>
        /// The share of rows that calibrates p-values and the threshold and is used for nothing else, from 0 (nothing is flagged) to below
        /// 1; 0.1 by default. On small data the slice grows to the 1 / Contamination - 1 rows that a threshold needs, up to a quarter of
        /// the rows.
        /// </summary>
        public double CalibrationFraction = 0.1;

        /// <summary>
        /// Rows that calibrate, instead of a share of the training rows: a view with the same columns, of which a random thousand are kept.
        /// </summary>
        public IDataView? Calibration;

        /// <summary>The share of rows like the training rows that the threshold flags, from 0 to below 1; 0.05 by default.</summary>
        public double Contamination = Defaults.Contamination;

        /// <summary>The seed of everything random; null takes that of the MLContext, and a random one where that has none.</summary>
        public int? Seed;

        /// <summary>
        /// The device to train on: "cpu", "cuda" or "cuda:1". Null follows the MLContext's GpuDeviceId and FallbackToCpu; a device that is
        /// named here and missing is an error.
        /// </summary>
        public string? Device;

        /// <summary>
        /// The precision of the nets inside the couplings in training. Weights, log-determinants, exponentials, sums and everything else
        /// stay in float32; so do evaluations and the trained flow, whose nets then compute what training only approximated. Float32 by
        /// default.
        /// </summary>
        public TrainingPrecision Precision = TrainingPrecision.Float32;

        /// <summary>
        /// Threads of libtorch while training, a setting of the process; of several members at once, of each. Null takes one where the nets
        /// of a table are at most 128 wide, which gain little from more and lose much on a busy machine; else the process's setting, and of
        /// several members at once an equal share of the cores. The same model is promised for the same number.
        /// </summary>
        public int? Threads;

        /// <summary>
        /// Other processes that train with this one (<see cref="MpiExchange"/>), each a share of every batch: all must have the same
        /// program, options, <see cref="Seed"/> and rows. Except for roundings, the weights are those of one process with the same batches.
        /// Every process comes to the same model; the first alone writes checkpoints, which all must see, and reports progress. Whichever
        /// is cancelled, all stop; an error in one ends all. Members train one after the other. Null, the default, for none.
        /// </summary>
        public IGradientExchange? Exchange;

        /// <summary>What is held in memory.</summary>
        public MemoryOptions Memory = new();

        /// <summary>Where checkpoints are written, and whether the run goes on from one; null writes none.</summary>
        public CheckpointOptions? Checkpoints;

        /// <summary>A folder for TensorBoard event files with what <see cref="Progress"/> reports; null writes none.</summary>
        public string? TensorBoardFolder;

        /// <summary>
        /// Receives progress after each evaluation; called on the training thread, and of several members at once on that of each, one call
        /// at a time. After the last report the flow is frozen and its graphs are checked, which takes a second for tables and up to a
        /// minute on a CPU for the paper's image flows; the context's log says so.
        /// </summary>
        public IProgress<TrainingProgress>? Progress;

        /// <summary>
        /// Stops training at the next step, after a checkpoint where those are written; after the last step, where it is to throw, also the
        /// freezing, the calibration and the checks of the graphs.
        /// </summary>
        public CancellationToken CancellationToken;

        /// <summary>Whether cancelling throws, the default, or gives the best model so far.</summary>
        public OnCancellation OnCancellation = OnCancellation.Throw;

        /// <summary>Options for an image flow; the same as setting <see cref="Image"/>.</summary>
        /// <param name="image">The flow's size and what its pixels stand for.</param>
        public static Options ForImages(ImageFlowOptions image) => new() { Image = image };

        /// <summary>
        /// These options for an image flow with every choice of the original code, in the flow
        /// (<see cref="ImageFlowOptions.AsOriginal"/>) and in its training: batches of 64, Adam at 0.001 from the first step to the last,
        /// gradients clipped at 100, the penalty of 5e-5 on gains, and no warm-up, dropout, weight decay, averaging or early stop.
        /// </summary>
        /// <remarks>
        /// What is left of this library: the best flow by validation likelihood is kept, where the original keeps the last
        /// (<see cref="ValidationFraction"/> = 0 does too); log-scale gains are bounded; a loss that explodes goes back to the best flow;
        /// batch norms are frozen with the statistics of the training images instead of running ones.
        /// </remarks>
        /// <returns>Other options; these are as they were.</returns>
        /// <example>
        /// <code>
        /// var options = RealNvpTrainer.Options.ForImages(ImageFlowOptions.ImageNet32).AsOriginal();
        /// </code>
        /// </example>
        public Options AsOriginal()
        {
            Options copy = Copy();
            copy.Image = (Image ?? new()).AsOriginal();
            (copy.BatchSize, copy.LearningRate, copy.Dropout, copy.Patience) = (64, 1e-3, 0, 0);
            copy.Optimizer = new() { Decay = LearningRateDecay.None, WarmUp = 0, GainPenalty = 5e-5, GradientClip = 100 };
            return copy;
        }

        /// <summary>
        /// These options for an image flow of <see cref="ImageFlowOptions.AsModern"/>, whose training keeps an average of the weights over
        /// about a hundred steps. A training takes a few per cent longer than without, and comes to fewer bits per dimension
        /// (docs/pictures.md).
        /// </summary>
        /// <returns>Other options; these are as they were.</returns>
        /// <example>
        /// <code>
        /// var options = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small).AsModern();
        /// </code>
        /// </example>
        public Options AsModern()
        {
            Options copy = Copy();
            copy.Image = (Image ?? new()).AsModern();
            copy.Optimizer = Optimizer with { AveragedWeights = 0.99 };
            return copy;
        }

        /// <summary>Options for a flow of continuous maps; the same as setting <see cref="Maps"/>.</summary>
        /// <param name="maps">The flow's size; by default chosen by the maps.</param>
        public static Options ForMaps(FeatureMapOptions? maps = null) => new() { Maps = maps ?? new() };

        /// <summary>
        /// Options for a density that is as high as can be on rows that were held out, rather than for ranking anomalies: learned linear
        /// maps and marginals, heavier tails, a longer training with more dropout and less noise. Chosen by validation likelihood on three
        /// tables of 1,600 to 5,900 rows (docs/density.md); with <see cref="Members"/> = 5 the mixture gains as much again. On far larger
        /// tables set <see cref="Epochs"/> lower.
        /// </summary>
        public static Options ForDensity() => new()
        {
            Table = new()
            {
                Mixing = FeatureMixing.Linear,
                SinhArcsinh = true,
                Couplings = 12,
                Activation = Activation.Tanh,
                LatentTailBound = 1.5,
                MixtureBound = 0,
            },
            Dropout = 0.2,
            Noise = 0.02,
            LearningRate = 6e-3,
            Epochs = 300,
            Patience = 0,
        };

        /// <summary>
        /// Options for a distribution of labels given features, as <c>mlContext.Regression.Trainers.RealNvp</c> has it: a mixture of three
        /// small flows with heavy tails and little noise, which regressions train for at least 3,000 steps; chosen on a few splits of
        /// public tables (docs/regression.md).
        /// </summary>
        public static Options ForRegression() => new()
        {
            Table = new()
            {
                Couplings = 4,
                Activation = Activation.Tanh,
                LatentTailBound = 1.5,
                MixtureBound = 0,
            },
            Noise = 0.01,
            Members = 3,
        };

        /// <summary>Whether the feature column is one of labels, and the condition that of features.</summary>
        private bool _isOfLabels;

        /// <summary>These options for a flow of labels given features, whose calibration rows are enough for intervals of a mass.</summary>
        internal Options ForLabels(string label, string features, string? weights, double mass, IDataView? validation,
            IDataView? calibration)
        {
            Options copy = Copy();
            (copy.FeatureColumnName, copy.ConditionColumnName, copy.ExampleWeightColumnName) = (label, features, weights);
            (copy.Columns, copy.Contamination, copy.Image, copy.Maps) = (RealNvpColumns.Default, 1 - mass, null, null);
            copy.FeatureKind = Trainers.FeatureKind.Table;
            (copy.Validation, copy.Calibration) = (validation, calibration);
            copy._isOfLabels = true;
            return copy;
        }

        /// <summary>A copy that the caller's later changes do not reach; its parts do not change.</summary>
        internal Options Copy() => (Options)MemberwiseClone();

        /// <summary>Such a copy, in which what is left out stands.</summary>
        /// <exception cref="ArgumentException">An option is out of its range.</exception>
        internal Options Checked()
        {
            Options copy = Copy();
            copy.Columns = ((Columns ?? RealNvpColumns.Default) with
            {
                Features = FeatureColumnName,
                Condition = ConditionColumnName,
            }).Checked();
            if (!_isOfLabels) // a regression has other columns
                copy.Columns.RequireInputsSeen();
            copy.Table ??= new();
            copy.Optimizer ??= new();
            copy.Memory ??= new();
            copy.Table.Check();
            copy.Optimizer.Check();
            copy.Memory.Check();
            Image?.Check();
            Maps?.Check();
            Require(FeatureKind is not { } kind || Enum.IsDefined(kind), nameof(FeatureKind), FeatureKind, "null, or a defined value");
            Require(Image is null || Maps is null, nameof(Maps), Maps, "null where Image is given: a column has pixels or continuous maps");
            Require(Image is null || FeatureKind is null or Trainers.FeatureKind.Pixels, nameof(FeatureKind), FeatureKind,
                "Pixels, or null, where Image is given");
            Require(Maps is null || FeatureKind is null or Trainers.FeatureKind.Maps, nameof(FeatureKind), FeatureKind,
                "Maps, or null, where Maps are given");
            Checkpoints?.Check();
            Require(ConditionDropout is >= 0 and < 1, nameof(ConditionDropout), ConditionDropout, "from 0 to below 1");
            Require(ConditionDropout == 0 || ConditionColumnName is not null, nameof(ConditionDropout), ConditionDropout,
                "0 without a ConditionColumnName");
            Require(Members is >= 1 and <= FlowLimits.MostMembers, nameof(Members), Members, $"1 to {FlowLimits.MostMembers}");
            long steps = Math.Max(copy.Table.Steps, Maps?.Steps ?? 0);
            Require((long)Members * steps <= FlowLimits.MostSteps, nameof(Members), Members,
                $"so few that, with {steps} steps in each flow, there are at most {FlowLimits.MostSteps} in all");
            Require(MembersAtOnce is null or >= 1, nameof(MembersAtOnce), MembersAtOnce, "null, or 1 or more");
            Require(Epochs is null or >= 1, nameof(Epochs), Epochs, "null, or 1 or more");
            Require(Steps is null or >= 1, nameof(Steps), Steps, "null, or 1 or more");
            Require(BatchSize is null or >= 2, nameof(BatchSize), BatchSize, "null, or 2 or more");
            Require(LearningRate is null or > 0 and <= double.MaxValue, nameof(LearningRate), LearningRate, "null, or above 0");
            Require(Patience >= 0, nameof(Patience), Patience, "0 or more");
            Require(Dropout is null or >= 0 and < 1, nameof(Dropout), Dropout, "null, or from 0 to below 1");
            Require(Noise is >= 0 and < 10, nameof(Noise), Noise, "from 0 to below 10");
            Require(Trim is >= 0 and < 0.5, nameof(Trim), Trim, "from 0 to below 0.5");
            Require(Enum.IsDefined(NonFiniteRows), nameof(NonFiniteRows), NonFiniteRows, "a defined value");
            Require(ValidationFraction is >= 0 and < 1, nameof(ValidationFraction), ValidationFraction, "from 0 to below 1");
            Require(CalibrationFraction is >= 0 and < 1, nameof(CalibrationFraction), CalibrationFraction, "from 0 to below 1");
            Require(ValidationFraction + CalibrationFraction < 1, nameof(CalibrationFraction), CalibrationFraction,
                "below 1 together with ValidationFraction");
            Require(Contamination is >= 0 and < 1, nameof(Contamination), Contamination, "from 0 to below 1");
            Require(Enum.IsDefined(Precision), nameof(Precision), Precision, "a defined value");
            Require(Threads is null or >= 1, nameof(Threads), Threads, "null, or 1 or more");
            Require(Enum.IsDefined(OnCancellation), nameof(OnCancellation), OnCancellation, "a defined value");
            return copy;
        }

        /// <summary>What a run over a column has, every choice made. Of the machine, it needs libtorch.</summary>
        /// <param name="column">The feature column.</param>
        /// <param name="condition">The condition column, if there is one.</param>
        /// <param name="validation">Fit's second argument, which goes before the option of the name.</param>
        /// <param name="host">The estimator's, for what the MLContext has chosen.</param>
        /// <param name="warn">Receives what to know about the choices.</param>
        /// <exception cref="ArgumentException">The options are not for such a column.</exception>
        internal RunSettings Resolve(DataViewSchema.Column column, DataViewSchema.Column? condition, IDataView? validation, IHost host,
            Action<string> warn)
        {
            FlowDesign design = Design(ColumnShape.Of(column, FeatureKind, Image, Maps),
                (condition?.Type as VectorDataViewType)?.Size ?? 0);
            TorchRuntime.Require();
            Device device = Device is { } name
                ? TorchRuntime.NamedDevice(name)
                : TorchRuntime.SelectDevice(MlNetInternals.GpuDeviceId(host), MlNetInternals.FallbackToCpu(host), warn);
            int seed = Seed ?? MlNetInternals.Seed(host) ?? Random.Shared.Next();
            validation ??= Validation;
            int cores = Environment.ProcessorCount; // affinity and a container's quota counted
            IGradientExchange? exchange = Exchange is { Ranks: > 1 } ? Exchange : null; // one process is as none
            int atOnce = device.type != DeviceType.CPU || exchange is not null ? 1
                : Math.Min(Members, MembersAtOnce ?? Math.Max(1, cores / (Threads ?? 1)));
            return new RunSettings
            {
                Rows = new()
                {
                    FeatureColumn = column.Name,
                    ConditionColumn = condition?.Name,
                    WeightColumn = ExampleWeightColumnName,
                    SamplingKeyColumn = SamplingKeyColumnName,
                    Validation = validation,
                    Calibration = Calibration,
                    ValidationFraction = validation is null ? ValidationFraction : 0,
                    LeastValidation = design is TableDesign ? 12 : 0, // a picture or a map tells as much as many rows
                    CalibrationFraction = Calibration is null ? CalibrationFraction : 0,
                    Contamination = Contamination,
                    RefusesNonFinite = NonFiniteRows == NonFiniteRows.Fail,
                    ResidentLimit = Memory.ResidentLimit,
                    ShufflePool = Memory.ShufflePool,
                    Seed = seed,
                    Device = device,
                    Cancellation = CancellationToken,
                },
                Design = design,
                Plan = data => Plan(design, data.TrainingCount, data.DifferentRows),
                Members = Members,
                MembersAtOnce = atOnce,
                Exchange = exchange,
                Seed = seed,
                Device = device,
                Threads = Threads ?? (design is TableDesign { HiddenUnits: <= 128 } ? 1 : atOnce > 1 ? Math.Max(1, cores / atOnce) : null),
                KeepsNativeMemory = Memory.KeepNativeMemory ?? true,
                Contamination = Contamination,
                CalibratesScoreMap = design is FeatureMapDesign || Columns.NamesMap,
                CheckpointFolder = Checkpoints?.Folder,
                CheckpointInterval = Checkpoints?.Interval ?? int.MaxValue,
                CheckpointSaved = Checkpoints?.Saved,
                Resumes = Checkpoints is { Resume: true },
                TensorBoardFolder = exchange is { Rank: > 0 } ? null : TensorBoardFolder,
                Progress = exchange is { Rank: > 0 } ? null : Progress,
                Cancellation = CancellationToken,
                CancelGivesBest = OnCancellation == OnCancellation.ReturnBest,
            };
        }

        /// <summary>The flow over rows of a shape, and conditions of a size.</summary>
        /// <exception cref="ArgumentException">The options are not for such rows.</exception>
        internal FlowDesign Design(FlowShape shape, int conditions = 0)
            => Design(new ColumnShape(shape.IsImage ? Trainers.FeatureKind.Pixels : Trainers.FeatureKind.Table, shape, IsAsked: true),
                conditions);

        private FlowDesign Design(ColumnShape column, int conditions)
        {
            FlowDesign design = DesignOf(column, conditions);
            Columns.Require(design.WhyNot, hasLatent: Members == 1); // a training later they would be refused too
            return design;
        }

        private FlowDesign DesignOf(ColumnShape column, int conditions)
        {
            FlowShape shape = column.Shape;
            ConditionDesign? condition = conditions > 0 ? new(conditions, ConditionDropout) : null;
            bool bfloat16 = Precision == TrainingPrecision.BFloat16;
            if (column.Kind == Trainers.FeatureKind.Pixels)
                return (Image ?? new()).For(shape) with { BFloat16 = bfloat16, IsAsked = column.IsAsked, Condition = condition };
            if (column.Kind == Trainers.FeatureKind.Maps)
            {
                return condition is null ? MapDesign(shape) with { BFloat16 = bfloat16 }
                    : throw new ArgumentException($"The condition column '{ConditionColumnName}' is named, but '{FeatureColumnName}' is a "
                        + "column of continuous maps, whose flows take no condition yet. Leave ConditionColumnName out.");
            }
            RequireTimeToInvert(shape.Size);
            return Table.For(shape) with { BFloat16 = bfloat16,
                BitsPerDimensionColumn = Columns.BitsPerDimension,
                Condition = condition,
                Whitens = Table.Whitening ?? (condition is null && shape.Size >= TableDesign.ManyFeatures),
                IsOfLabels = _isOfLabels };
        }

        private FeatureMapDesign MapDesign(FlowShape shape)
        {
            FeatureMapDesign design = (Maps ?? new()).For(shape, Noise);
            int inverted = (design.Whitening ? 1 : 0) + (design.Mixing == FeatureMixing.Permutation ? 0 : design.Couplings);
            if (Members * inverted * Math.Pow(shape.Dimensions[0], 3) > FlowLimits.MostInversion)
            {
                throw new ArgumentException($"Column '{FeatureColumnName}' has maps of {shape.Dimensions[0]} channels: {Members} x "
                    + $"{inverted} linear maps of that size take too long to invert. Set Maps.Mixing to Permutation, or take fewer "
                    + "channels, as a random choice of them.");
            }
            return design;
        }

        /// <summary>Refuses learned linear maps that would take minutes to invert, as a file with them is refused.</summary>
        private void RequireTimeToInvert(int features)
        {
            int couplings = Table.Couplings ?? Defaults.Couplings;
            double inversion = Table.Mixing == FeatureMixing.Linear ? (double)Members * couplings * Math.Pow(features, 3) : 0;
            if (inversion > FlowLimits.MostInversion)
            {
                throw new ArgumentException($"Column '{FeatureColumnName}' has {features} values, and Table.Mixing is Linear: {Members} x "
                    + $"{couplings} linear maps of that size take too long to train and to invert. Set Table.Mixing to Rotation or "
                    + "Permutation, or Couplings lower.");
            }
        }

        /// <summary>The numbers of a training of this many rows, of which so many are no copies of others.</summary>
        internal TrainingPlan Plan(FlowDesign design, long rows, long different)
        {
            // Small tables need many passes and large ones few: steps, not epochs, are what a flow needs.
            const long MostSteps = 10_000, AutomaticEpochs = 30;
            TrainingDefaults defaults = design.DefaultsOf(rows, different);
            int batch = (int)Math.Min(rows, BatchSize ?? defaults.BatchSize);
            long stepsPerEpoch = Math.Max(1, rows / batch);
            long steps = Steps ?? Epochs * stepsPerEpoch ?? Math.Clamp(AutomaticEpochs * stepsPerEpoch, defaults.LeastSteps, MostSteps);
            return new TrainingPlan
            {
                BatchSize = batch,
                Steps = steps,
                Dropout = Dropout ?? defaults.Dropout,
                Noise = Noise,
                Trim = Trim,
                LearningRate = LearningRate ?? defaults.LearningRate,
                Decay = Optimizer.Decay,
                WarmUp = Optimizer.WarmUp == OptimizerOptions.DefaultWarmUp ? null : Optimizer.WarmUp,
                WeightDecay = Optimizer.WeightDecay,
                GainPenalty = Optimizer.GainPenalty ?? defaults.GainPenalty,
                AveragedWeights = Optimizer.AveragedWeights,
                GradientClip = Optimizer.GradientClip ?? defaults.GradientClip,
                TensorFloat32 = Precision == TrainingPrecision.TensorFloat32,
                EvaluationInterval = (int)Math.Max(Math.Clamp(steps / 20, 1, 50), steps / defaults.Evaluations),
                LooksEarly = defaults.LooksEarly,
                StartPatience = Patience > 0 ? defaults.StartPatience : 0,
                Patience = Patience,
                EvaluationBatch = defaults.EvaluationBatch,
                StatisticsRows = defaults.StatisticsRows,
            };
        }

        private static void Require(bool holds, string name, object? found, string expected)
            => OptionRange.Require(holds, "", name, found, expected);
    }

    /// <summary>Defaults that stand in two places: here and among the arguments of the catalog's method.</summary>
    internal static class Defaults
    {
        public const int Couplings = 8;
        public const int HiddenUnits = 64;
        public const double Contamination = 0.05;
    }
}
