using Microsoft.ML;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Trainers;

public sealed partial class RealNvpTrainer
{
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

        /// <summary>The multi-scale flow of an image column; null chooses it by the column's shape, and takes a column of one dimension as a table.</summary>
        public ImageFlowOptions? Image;

        /// <summary>
        /// The share of hidden values (of whole maps, in the nets of an image flow) that is dropped in training, 0 to below 1: what helps most against
        /// overfitting small data. Null chooses: 0.1 for tables; for images 0.2 below 5,000 rows and none, as in the original, from there on.
        /// </summary>
        public double? Dropout;

        /// <summary>Where the learned bound of each log-scale starts, above 0.</summary>
        public double LogScaleGain = Defaults.LogScaleGain;

        /// <summary>Whether a batch norm follows each coupling (paper, section 3.7). Off by default: with dropout it did not raise held-out likelihood.</summary>
        public bool BatchNorm = Defaults.BatchNorm;

        /// <summary>
        /// Whether the layers of a table's nets have normalised weights, g v / ||v|| (Salimans and Kingma 2016; paper, section 3.7), as the nets of image flows always
        /// have. The trained flow has plain weights.
        /// </summary>
        public bool WeightNorm = Defaults.WeightNorm;

        /// <summary>
        /// Standard deviations (scales by quartiles, where those are less than a third) beyond which values are compressed logarithmically,
        /// so that extreme rows neither
        /// dominate nor overflow; 0 turns it off.
        /// </summary>
        public double TailBound = Defaults.TailBound;

        /// <summary>
        /// Latent values beyond which the latent is compressed logarithmically, which gives the flow heavier tails than a normal's: a row unlike all others is then very
        /// unlikely, not absurdly so; 0 turns it off.
        /// </summary>
        public double LatentTailBound = Defaults.LatentTailBound;

        /// <summary>
        /// Whether features with few different values (3 to 20, or 5% of the rows) get uniform noise of their smallest gap in training, so
        /// that their
        /// density does not run to infinity. Features of two values get a tenth of it, unless <see cref="RealNvpColumns.BitsPerDimension"/>
        /// is named: in one-hot
        /// groups all of it would hide a category that was never seen.
        /// </summary>
        public bool Dequantize = Defaults.Dequantize;

        /// <summary>
        /// The share of each batch, from 0 to below 0.5, that is left out for having the lowest likelihood, so that a contaminated training set does not
        /// teach its anomalies.
        /// </summary>
        public double Trim = Defaults.Trim;

        /// <summary>
        /// Gaussian noise added in training, in standard deviations of each feature, or in scales by quartiles where a feature is scaled by
        /// those: keeps the density of
        /// duplicated and rounded rows finite; 0 turns it off.
        /// </summary>
        public double Noise = Defaults.Noise;

        /// <summary>The highest learning rate, to which a linear warm-up leads; 0 chooses 0.003 for tables and small images, and 0.001 for images with a side of more than 28.</summary>
        public double LearningRate = Defaults.LearningRate;

        /// <summary>How the learning rate falls from its peak.</summary>
        public LearningRateDecay Decay = Defaults.Decay;

        /// <summary>
        /// The decay per step of an exponential moving average of the weights, 0 to below 1, which then is what is validated and kept; 0 turns it off. 0.999 averages
        /// about a thousand steps; early on less.
        /// </summary>
        public double AveragedWeights = Defaults.AveragedWeights;

        /// <summary>
        /// The precision of the nets inside the couplings in training. Weights, log-determinants, exponentials, sums and everything else stay in float32; so do evaluations and
        /// the trained flow, whose nets then compute what training only approximated.
        /// </summary>
        public TrainingPrecision Precision = TrainingPrecision.Float32;

        /// <summary>Decoupled weight decay per step, times the learning rate.</summary>
        public double WeightDecay = Defaults.WeightDecay;

        /// <summary>
        /// The original's L2 penalty: this times the sum of squares of the gains (those of the log-scales, and of weight normalisation) is added to the
        /// loss in nats per row. Null chooses 5e-5 for images and 0 for tables.
        /// </summary>
        public double? GainPenalty;

        /// <summary>The global gradient norm beyond which gradients are scaled down; 0 chooses 5 sqrt(D) for tables and 100 for images, a negative number turns it off.</summary>
        public double GradientClip = Defaults.GradientClip;

        /// <summary>Rows per batch; 0 chooses by the number of rows; for images 16 with sides up to 28 and 64, as in the original, beyond.</summary>
        public int BatchSize = Defaults.BatchSize;

        /// <summary>Passes over the training rows; 0 chooses by the number of rows.</summary>
        public int Epochs = Defaults.Epochs;

        /// <summary>Optimizer steps; where above 0, instead of <see cref="Epochs"/>.</summary>
        public long Steps;

        /// <summary>Evaluations without a better validation likelihood after which training stops; 0 never stops early.</summary>
        public int Patience = Defaults.Patience;

        /// <summary>The share of rows that chooses the best model, from 0 (the last model is kept) to below 1.</summary>
        public double ValidationFraction = Defaults.ValidationFraction;

        /// <summary>Rows that choose the best model, instead of a share of the training rows: a view with the same columns. Fit's second argument does the same.</summary>
        public IDataView? Validation;

        /// <summary>
        /// The share of rows that calibrates p-values and the threshold and is used for nothing else, from 0 (nothing is flagged) to below 1. On small
        /// data the slice grows to the 1 / Contamination - 1 rows that a threshold needs, up to a quarter of the rows.
        /// </summary>
        public double CalibrationFraction = Defaults.CalibrationFraction;

        /// <summary>Rows that calibrate, instead of a share of the training rows: a view with the same columns, of which a random thousand are kept.</summary>
        public IDataView? Calibration;

        /// <summary>The share of rows like the training rows that the threshold flags, from 0 to below 1.</summary>
        public double Contamination = Defaults.Contamination;

        /// <summary>
        /// A column of weights, Single, 0 or more: a row of weight 2 counts as two in the training and the validation likelihood and in the standardisation,
        /// one of weight 0 not at all. Calibration takes every row of a positive weight as one. Null weighs all rows alike.
        /// </summary>
        public string? WeightColumn;

        /// <summary>
        /// Training rows of up to this size, in bytes of float32, are held in memory, on the training device; never more than 8 GiB.
        /// Larger data streams from its source in every pass, through a shuffle pool; the source must give the same rows each time.
        /// </summary>
        public long ResidentLimit = Defaults.ResidentLimit;

        /// <summary>The rows from which a streamed batch is drawn at random.</summary>
        public int ShufflePool = Defaults.ShufflePool;

        /// <summary>What to do with rows that have a NaN or infinite feature.</summary>
        public NonFiniteRows NonFiniteRows = NonFiniteRows.Skip;

        /// <summary>The seed of everything random; null takes that of the MLContext, and a random one where that has none.</summary>
        public int? Seed;

        /// <summary>
        /// Threads of libtorch while training, a setting of the process; null takes one where <see cref="HiddenUnits"/> is at most 128, which gain little from
        /// more and lose much on a busy machine, and the process's setting else. The same model is promised for the same number.
        /// </summary>
        public int? Threads;

        /// <summary>
        /// Whether glibc's malloc keeps freed memory for as long as trainings run, instead of handing it back behind every step, which
        /// takes up to a third of the time of large flows. A setting of the process, made anew for the first training and undone behind
        /// the last. Null, the default, and true keep it, but for a process whose environment sets malloc's thresholds; false leaves
        /// malloc alone, for hosts that tune it themselves.
        /// </summary>
        public bool? KeepNativeMemory;

        /// <summary>
        /// The device to train on: "cpu", "cuda" or "cuda:1". Null follows the MLContext's GpuDeviceId and FallbackToCpu; a device that is named here and missing
        /// is an error.
        /// </summary>
        public string? Device;

        /// <summary>
        /// A folder for checkpoints, one training run per folder; null writes none. A checkpoint holds all that the rest of the run depends on: with <see cref="Resume"/> a run that
        /// was killed ends in the same weights as one that was not, bit for bit on the CPU.
        /// </summary>
        public string? CheckpointFolder;

        /// <summary>Steps between checkpoints.</summary>
        public int CheckpointInterval = Defaults.CheckpointInterval;

        /// <summary>
        /// Goes on from the newest whole checkpoint of the folder, with the thread count that it records; from the start where there is none. Options and rows
        /// must be those of the run that wrote it.
        /// </summary>
        public bool Resume;

        /// <summary>A folder for TensorBoard event files with what <see cref="Progress"/> reports; null writes none.</summary>
        public string? TensorBoardFolder;

        /// <summary>
        /// Takes progress after each evaluation; called on the training thread. Behind the last report the flow is frozen and its graphs are checked, which takes a
        /// second for tables and up to a minute on a CPU for the paper's image flows; the context's log says so.
        /// </summary>
        public IProgress<TrainingProgress>? Progress;

        /// <summary>
        /// Stops training at the next step, after a checkpoint where those are written; behind the last step, where it is to throw, also
        /// the freezing, the calibration and the checks of the graphs.
        /// </summary>
        public CancellationToken CancellationToken;

        /// <summary>Whether cancelling throws, or gives the best model so far.</summary>
        public OnCancellation OnCancellation = OnCancellation.Throw;

        /// <summary>Options for an image flow; the same as setting <see cref="Image"/>.</summary>
        /// <param name="image">The flow's size and what its pixels stand for.</param>
        public static Options ForImages(ImageFlowOptions image) => new() { Image = image };

        /// <summary>
        /// Options for a density that is as high as can be on rows that were held out, rather than for ranking anomalies: learned linear maps and marginals, heavier tails, a longer
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
            LatentTailBound = 1.5,
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
            Require(Dropout is null or >= 0 and < 1, nameof(Dropout), Dropout ?? 0, "null, or from 0 to below 1");
            Require(LogScaleGain is > 0 and <= Trainers.Steps.AffineCoupling.MaxGain, nameof(LogScaleGain), LogScaleGain, $"above 0 and at most {Trainers.Steps.AffineCoupling.MaxGain}");
            Require(TailBound is 0 or >= 1 and < 1e6, nameof(TailBound), TailBound, "0, or from 1 to below a million");
            Require(LatentTailBound is 0 or >= 1 and < 1e6, nameof(LatentTailBound), LatentTailBound, "0, or from 1 to below a million");
            Require(Noise is >= 0 and < 10, nameof(Noise), Noise, "from 0 to below 10");
            Image?.Check();
            Require(LearningRate >= 0 && double.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "0, or above");
            Require(Enum.IsDefined(Decay), nameof(Decay), Decay, "a defined value");
            Require(Enum.IsDefined(Precision), nameof(Precision), Precision, "a defined value");
            Require(Enum.IsDefined(OnCancellation), nameof(OnCancellation), OnCancellation, "a defined value");
            Require(AveragedWeights is >= 0 and < 1, nameof(AveragedWeights), AveragedWeights, "from 0 to below 1");
            Require(GainPenalty is null or >= 0 and < 1000, nameof(GainPenalty), GainPenalty ?? 0, "null, or 0 or more");
            Require(Steps >= 0, nameof(Steps), Steps, "0 or more");
            Require(ResidentLimit >= 0, nameof(ResidentLimit), ResidentLimit, "0 or more");
            Require(ShufflePool >= 1, nameof(ShufflePool), ShufflePool, "1 or more");
            Require(CheckpointInterval >= 1, nameof(CheckpointInterval), CheckpointInterval, "1 or more");
            Require(!Resume || CheckpointFolder is not null, nameof(Resume), Resume, "false where there is no CheckpointFolder");
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

        /// <summary>The same options with a view to validate on, where one is given.</summary>
        internal Options With(IDataView? validation)
        {
            if (validation is null)
                return this;
            var copy = (Options)MemberwiseClone();
            copy.Validation = validation;
            return copy;
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
        public const double LogScaleGain = 2;
        public const bool BatchNorm = false;
        public const bool WeightNorm = false;
        public const double TailBound = 10;
        public const double LatentTailBound = 0;
        public const double Noise = 0.05;
        public const double LearningRate = 0;
        public const LearningRateDecay Decay = LearningRateDecay.Cosine;
        public const double AveragedWeights = 0;
        public const long ResidentLimit = 640L << 20; // holds CIFAR-10
        public const int ShufflePool = 1 << 16;
        public const int CheckpointInterval = 500;
        public const double WeightDecay = 0;
        public const double GradientClip = 0;
        public const int BatchSize = 0;
        public const int Epochs = 0;
        public const int Patience = 15;
        public const double ValidationFraction = 0.1;
        public const double CalibrationFraction = 0.1;
        public const double Contamination = 0.05;
    }
}
