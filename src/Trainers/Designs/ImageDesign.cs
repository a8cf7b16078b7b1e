using System.Text.Json.Serialization;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Flows.Steps.Maps;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// The multi-scale flow of images (paper, sections 3.6 and 4.1). Every scale but the last: three checkerboard couplings, squeeze, three
/// channel-wise couplings, unsqueeze, ordered squeeze, half of the channels factored out. The last scale: four checkerboard couplings.
/// </summary>
internal sealed record ImageDesign : FlowDesign
{
    /// <summary>Up to the sides of MNIST, a flow trains on a CPU.</summary>
    public const int SmallSide = 28;

    /// <summary>Couplings of a kind in a row, as in the paper.</summary>
    private const int OriginalCouplings = 3;

    /// <summary>What to do about a column whose kind cannot be told.</summary>
    public const string OtherKinds = "set FeatureKind to Maps for continuous maps, as a layer of a net gives them, to Pixels for pixels on "
        + "levels, or to Table for features";

    /// <summary>The number of scales.</summary>
    public required int Scales { get; init; }

    /// <summary>The maps of the first checkerboard nets.</summary>
    public required int BaseWidth { get; init; }

    /// <summary>The residual blocks of each net.</summary>
    public required int Blocks { get; init; }

    /// <summary>The number of levels of a pixel.</summary>
    public required int Levels { get; init; }

    /// <summary>The distance of two levels in the column's units; null leaves it to the rows, by <see cref="Facts"/>.</summary>
    public required float? LevelWidth { get; init; }

    /// <summary>How far the logit keeps levels from 0 and 1.</summary>
    public required float Alpha { get; init; }

    /// <summary>Whether the options say that these are pixels; else their values must.</summary>
    [JsonIgnore]
    public bool IsAsked { get; init; } = true;

    /// <summary>Whether half of the images of each batch are mirrored.</summary>
    public required bool HorizontalFlips { get; init; }

    /// <summary>Whether a batch norm follows every coupling.</summary>
    public required bool BatchNorm { get; init; }

    /// <summary>Whether a fresh coupling is the identity.</summary>
    public required bool IdentityStart { get; init; }

    /// <summary>Whether each transformed channel has a log-scale gain of its own.</summary>
    public required bool GainPerChannel { get; init; }

    /// <summary>Whether y = (x + t) exp(s).</summary>
    public required bool ShiftFirst { get; init; }

    /// <summary>Whether the batch norm after a checkerboard counts the conditioning pixels as zeros.</summary>
    public required bool MaskedZerosInStatistics { get; init; }

    /// <summary>Whether convolutions start as in the original.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] // runs without are those of before there was a choice
    public bool UniformStart { get; init; }

    /// <summary>Whether the gain penalty leaves out the log-scale gains of channel-wise couplings.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool SparesChannelGains { get; init; }

    /// <summary>Couplings over checkerboards, and over channels, of each scale; the last scale has one more over checkerboards.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Couplings { get; init; }

    /// <summary>Whether a learned linear map of the channels stands before each coupling over them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ChannelMixing { get; init; }

    /// <summary>The maps of the net that shapes the noise within the bins; 0 for uniform noise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int DequantizationMaps { get; init; }

    /// <inheritdoc/>
    public override bool LooksForCopies => false;

    /// <inheritdoc/>
    public override string? WhyNot(DensityOutput output) => null;

    /// <inheritdoc/>
    public override TrainingDefaults DefaultsOf(long rows, long different)
    {
        bool small = Math.Max(Shape.Dimensions[1], Shape.Dimensions[2]) <= SmallSide;
        return new()
        {
            BatchSize = small ? 16 : 64, // a step of 16 small images learns as much as one of 64, for a quarter of the time
            Dropout = rows < 5_000 ? 0.2 : 0,
            LearningRate = small ? 3e-3 : 1e-3,
            GainPenalty = 5e-5,
            GradientClip = 100,
            Evaluations = 20, // each passes thousands of images through the flow: more would take as long as the steps
            LooksEarly = false,
            EvaluationBatch = 128, // convolutions take much memory
            StatisticsRows = 1024,
        };
    }

    /// <inheritdoc/>
    public override ColumnFacts Facts(WeightedRows training, ColumnStatistics? statistics, ColumnNames column, Action<string> warn)
    {
        int pixels = Shape.Size;
        float width = LevelWidth ?? PixelLevels.Width(training, pixels, Levels);
        WeightedRows pictures = Condition is null ? training : training.Columns(0, pixels);
        if (!IsAsked && LevelCheck.WhyOff(pictures.Values, new(Levels, width)) is { } found)
        {
            throw new ArgumentException($"Column '{column.Name}' has three dimensions, as pixels have, but {found}: {OtherKinds}. Of "
                + "pixels, Image.Levels and Image.LevelWidth say which levels they have.", "input");
        }
        var levels = new LevelCheck(column.Name, new(Levels, width),
            "set Image.Levels and Image.LevelWidth, or the scale of ExtractPixels");
        for (int i = 0; i < training.Count; i++)
            levels.Add(training.Row(i)[..pixels]);
        foreach (string warning in levels.Warnings())
            warn(warning);
        ColumnFacts facts = ColumnFacts.OfImages(training, pixels, width);
        return Condition is null ? facts
            : Told(facts.WithCondition(training.Columns(pixels, Condition.Size), statistics?.From(pixels)), column, warn);
    }

    /// <summary>A fresh flow after its logit.</summary>
    public override Flow Build(ColumnFacts facts, double dropout, int seed, DeviceRandom noise)
    {
        using var weights = new torch.Generator((ulong)(uint)seed, torch.CPU);
        var steps = new List<FlowStepModule>();
        FlowShape at = Shape;
        int conditionInputs = facts.Condition?.Inputs ?? 0, couplings = Couplings ?? OriginalCouplings;
        if (DequantizationMaps > 0)
        {
            ImageCouplingOptions net = Coupling(DequantizationMaps, 0) with { Blocks = 1, ConditionInputs = conditionInputs };
            steps.Add(new LearnedDequantizationModule(Levels, facts.BinWidths[0], Shape.Dimensions[0], net, weights, noise));
        }
        steps.Add(new LogitModule(Levels, facts.BinWidths[0], Alpha));
        for (int scale = 0; scale < Scales; scale++)
        {
            bool last = scale == Scales - 1;
            int width = BaseWidth << scale;
            for (int i = 0; i < (last ? couplings + 1 : couplings); i++)
                AddCoupling(i % 2 == 0 ? ImageMask.EvenPixels : ImageMask.OddPixels, width);
            if (last)
                break;
            int channels = at.Dimensions[0];
            Add(new SqueezeModule(SqueezeOrder.Plain, channels));
            for (int i = 0; i < couplings; i++)
            {
                if (ChannelMixing)
                    Add(new ChannelLinearModule(at.Dimensions[0]));
                AddCoupling(i % 2 == 0 ? ImageMask.FirstChannels : ImageMask.SecondChannels, 2 * width);
            }
            Add(new UnsqueezeModule(SqueezeOrder.Plain, channels));
            Add(new SqueezeModule(SqueezeOrder.Ordered, channels));
            Add(new FactorOutModule());
        }
        return new Flow(steps, Shape, facts.Condition);

        void Add(FlowStepModule step)
        {
            steps.Add(step);
            at = step.OutputShape(at);
        }

        void AddCoupling(ImageMask mask, int width)
        {
            (int channels, int height, int columns) = (at.Dimensions[0], at.Dimensions[1], at.Dimensions[2]);
            ImageCouplingOptions coupling = Coupling(width, dropout) with { ConditionInputs = conditionInputs };
            Add(mask.IsCheckerboard()
                ? new CheckerboardCouplingModule(mask, channels, height, columns, coupling, weights, noise)
                : new ChannelCouplingModule(mask, channels, coupling, weights, noise));
            if (BatchNorm)
                Add(new ImageBatchNormModule(mask, channels, height, columns, coupling.MaskedZerosInStatistics));
        }
    }

    /// <inheritdoc/>
    public override TrainingNoise Noise(ColumnFacts facts, double gaussian, DeviceRandom random, Device device)
        => new(WithCondition(facts.NoiseWidths), [], random, device);

    /// <inheritdoc/>
    public override HorizontalFlips? Flips(DeviceRandom random) => HorizontalFlips ? new(Shape, random) : null;

    /// <summary>
    /// Images with one draw of dequantisation noise, the same in every evaluation: the density of the bins' centres alone would prefer
    /// models with spikes there.
    /// </summary>
    public override EvaluationRows Evaluation(DeviceRows sample, DeviceRows? validation, ColumnFacts facts, int seed)
    {
        const long Most = 16_384; // more add nothing to running statistics
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(seed, sample.Rows.device);
        long count = Math.Min(Most, sample.Count);
        DeviceRows noisy = Dequantized(sample.Rows.narrow(0, 0, count), sample.Weights?.narrow(0, 0, count), facts, random);
        DeviceRows? noisyValidation = validation is null ? null : Dequantized(validation.Rows, validation.Weights, facts, random);
        return new(noisy, noisyValidation, noisyValidation) { Own = [noisy, noisyValidation] };
    }

    /// <inheritdoc/>
    public override BitsPerDimension Bits(ColumnFacts facts) => new(1 / (Shape.Size * Math.Log(2)), -Math.Log2(facts.BinWidths[0]));

    private ImageCouplingOptions Coupling(int width, double dropout) => new()
    {
        Width = width,
        Blocks = Blocks,
        Dropout = dropout,
        BFloat16 = BFloat16,
        IdentityStart = IdentityStart,
        GainPerChannel = GainPerChannel,
        ShiftFirst = ShiftFirst,
        MaskedZerosInStatistics = MaskedZerosInStatistics,
        UniformStart = UniformStart,
        SparesChannelGains = SparesChannelGains,
    };
}
