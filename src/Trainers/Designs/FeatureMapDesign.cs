using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
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
using RealNvp.ML.Transforms.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// The flow of continuous maps: channels standardised and whitened, checkerboards where they are asked for, then couplings over alternating
/// halves of the channels, whose nets know the position.
/// </summary>
internal sealed record FeatureMapDesign : FlowDesign
{
    /// <summary>Values that pass the flow at once where nothing is learned from them, unless one map has more.</summary>
    private const int EvaluationValues = 1 << 22;

    /// <summary>Maps that say what training came to, and whether a model is calm.</summary>
    private const long SampleMaps = 32;

    /// <summary>Maps and residual blocks of a checkerboard's net.</summary>
    private const int CheckerboardWidth = 32, CheckerboardBlocks = 1;

    /// <summary>The number of couplings over channels.</summary>
    public required int Couplings { get; init; }

    /// <summary>Hidden layers of each coupling's net.</summary>
    public required int HiddenLayers { get; init; }

    /// <summary>Their maps.</summary>
    public required int HiddenUnits { get; init; }

    /// <summary>The side of their convolutions.</summary>
    public required int Kernel { get; init; }

    /// <summary>What stands between the couplings.</summary>
    public required FeatureMixing Mixing { get; init; }

    /// <summary>Whether the channels are whitened.</summary>
    public required bool Whitening { get; init; }

    /// <summary>Frequencies of the planes of the position; 0 for none.</summary>
    public required int PositionFrequencies { get; init; }

    /// <summary>The number of couplings over checkerboards.</summary>
    public required int Checkerboards { get; init; }

    /// <summary>Positions of each map that a training step sees; null for all.</summary>
    public required int? PositionsPerMap { get; init; }

    /// <summary>Where the bound of each log-scale starts.</summary>
    public required double LogScaleGain { get; init; }

    /// <summary>The noise of training, in standard deviations of each channel, or of all together.</summary>
    public required double GaussianNoise { get; init; }

    /// <summary>Whether in those of all together.</summary>
    public required bool SameUnits { get; init; }

    private int Channels => Shape.Dimensions[0];

    private int Height => Shape.Dimensions[1];

    private int Width => Shape.Dimensions[2];

    /// <inheritdoc/>
    public override bool LooksForCopies => false;

    /// <inheritdoc/>
    public override string? WhyNot(DensityOutput output) => output switch
    {
        DensityOutput.BitsPerDimension => "bits per dimension need discrete features, and continuous maps have a density: leave the name "
            + "out.",
        DensityOutput.Contributions => "contributions are of single features beside their medians, of which flows of maps keep none: "
            + "name a ScoreMap, which tells what each position adds.",
        _ => null,
    };

    /// <inheritdoc/>
    public override TrainingDefaults DefaultsOf(long rows, long different) => new()
    {
        BatchSize = 16,
        LeastSteps = 1000,
        Dropout = 0.1,
        LearningRate = 2e-3,
        GainPenalty = 0,
        GradientClip = 5 * Math.Sqrt(Channels) * Height * Width, // positions are alike, and their gradients add up
        Evaluations = 20,
        LooksEarly = true,
        StartPatience = Whitening && Channels > 1 ? GaussianPatience : 0,
        EvaluationBatch = Math.Max(1, EvaluationValues / Shape.Size),
        StatisticsRows = SampleMaps,
    };

    /// <inheritdoc/>
    public override ColumnFacts Facts(WeightedRows training, ColumnStatistics? statistics, ColumnNames column, Action<string> warn)
    {
        ColumnFacts facts = ColumnFacts.OfMaps(training, Channels, statistics, GaussianNoise, SameUnits);
        if (facts.Unvaried.Count > 0 && facts.MapNoise[facts.Unvaried[0]] == 0) // noise of all channels is usual in one that has none
        {
            warn($"{facts.Unvaried.Count} of the {Channels} channels of column '{column.Name}' have one value in all training rows, or "
                + "vary by less than float32 resolves: they keep their units, and any other value in them is an anomaly. Leave them out "
                + "where that is not meant.");
        }
        return Whitening && Channels > 1
            ? facts with { Gaussian = MapGaussianFit.Of(training, facts, Channels, ofPositions: PositionFrequencies > 0, seed: 0) }
            : facts;
    }

    /// <summary>A fresh flow, the identity after its preprocessing.</summary>
    public override Flow Build(ColumnFacts facts, double dropout, int seed, DeviceRandom noise)
    {
        using var weights = new torch.Generator((ulong)(uint)seed, torch.CPU);
        var orders = new Random(seed);
        int positions = Height * Width;
        float[] PerChannel(float[] values) => [.. Enumerable.Range(0, Channels).Select(channel => values[channel * positions])];
        float[] deviations = PerChannel(facts.StandardDeviation);
        var steps = new List<FlowStepModule> { new ChannelStandardizationModule(PerChannel(facts.Mean), deviations) };
        if (facts.Gaussian is { } gaussian)
        {
            using Tensor whitening = tensor(gaussian.Whitening, device: CPU);
            steps.Add(new ChannelLinearModule(whitening));
            if (gaussian.KnowsPositions)
                steps.Add(new PositionStandardizationModule(Shape, gaussian.Mean, gaussian.Deviation));
        }
        for (int i = 0; i < Checkerboards; i++)
        {
            steps.Add(new CheckerboardCouplingModule(i % 2 == 0 ? ImageMask.EvenPixels : ImageMask.OddPixels, Channels, Height, Width,
                new() { Width = CheckerboardWidth, Blocks = CheckerboardBlocks, Dropout = dropout, BFloat16 = BFloat16 }, weights, noise));
        }
        var net = new PositionedNetOptions(HiddenLayers, HiddenUnits, Kernel, PositionPlanes.PerFrequency * PositionFrequencies, dropout,
            LogScaleGain)
        {
            BFloat16 = BFloat16,
        };
        for (int i = 0; i < Couplings && Channels > 1; i++)
        {
            if (Mixer(i, orders, weights) is { } mixer)
                steps.Add(mixer);
            ImageMask mask = i % 2 == 0 ? ImageMask.FirstChannels : ImageMask.SecondChannels;
            steps.Add(new PositionedCouplingModule(mask, Channels, net, weights, noise));
        }
        var reader = new MapReader(Height, Width, PositionFrequencies, facts.MapNoise, PositionsPerMap, noise);
        return new Flow(steps, Shape, maps: reader);
    }

    /// <summary>None here: what training sees of a map has it added by <see cref="MapReader"/>.</summary>
    public override TrainingNoise Noise(ColumnFacts facts, double gaussian, DeviceRandom random, Device device)
        => new(new float[Shape.Size], new float[Shape.Size], random, device);

    /// <summary>A few maps stand for all: a pass of each takes as long as a training step.</summary>
    public override EvaluationRows Evaluation(DeviceRows sample, DeviceRows? validation, ColumnFacts facts, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        long count = Math.Min(SampleMaps, sample.Count);
        var few = new DeviceRows(sample.Rows.narrow(0, 0, count).clone().DetachFromDisposeScope(),
            sample.Weights?.narrow(0, 0, count).clone().DetachFromDisposeScope());
        return new(few, validation, validation) { Own = [few] };
    }

    private FlowStepModule? Mixer(int coupling, Random orders, Generator weights)
    {
        switch (Mixing)
        {
            case FeatureMixing.Rotation:
                return ChannelLinearModule.Rotation(Channels, weights);
            case FeatureMixing.Linear:
                return new ChannelLinearModule(Channels);
            default:
                if (coupling % 2 == 1 || Channels == 2)
                    return null;
                int[] order = [.. Enumerable.Range(0, Channels)];
                orders.Shuffle(order);
                return new ChannelPermutationModule(order);
        }
    }
}
