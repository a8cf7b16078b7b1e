using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows.Steps;

namespace RealNvp.ML.Trainers;

/// <summary>
/// The flow of a column of continuous maps: channels are standardised and whitened, then go through couplings over halves of the channels,
/// whose nets know the position. What is null is chosen by the maps' size.
/// </summary>
/// <remarks>
/// By default the nets look at one position at a time (<see cref="Kernel"/> 1): training then sees a few random positions of each map, and
/// each position's share of the score depends on that position alone, which is what finds a small defect and shows where.
/// </remarks>
/// <example>
/// <code>
/// var options = RealNvpTrainer.Options.ForMaps(new FeatureMapOptions { Couplings = 6 });
/// var pipeline = mlContext.AnomalyDetection.Trainers.RealNvp(options);
/// </code>
/// </example>
public sealed record FeatureMapOptions
{
    /// <summary>Channels, height and width of a row, for a flat vector column; null takes the column's own dimensions.</summary>
    public FlowShape? Shape { get; init; }

    /// <summary>The number of couplings over the channels, at least 2; 8 by default.</summary>
    public int Couplings { get; init; } = RealNvpTrainer.Defaults.Couplings;

    /// <summary>Hidden layers of each coupling's net, 1 or more; 2 by default.</summary>
    public int HiddenLayers { get; init; } = 2;

    /// <summary>Maps of each hidden layer. Null chooses half of the channels, from 32 to 256.</summary>
    public int? HiddenUnits { get; init; }

    /// <summary>
    /// The side of the nets' convolutions, 1 or 3: with 1 each position is looked at by itself, with 3 together with those around it, which
    /// takes several times as long to train.
    /// </summary>
    public int Kernel { get; init; } = 1;

    /// <summary>What stands between the couplings, so that their halves differ: a fixed order of the channels by default.</summary>
    public FeatureMixing Mixing { get; init; } = FeatureMixing.Permutation;

    /// <summary>
    /// Whether training begins at a Gaussian: a fixed linear map makes the channels uncorrelated, and then each position has a mean and a
    /// variance of each, drawn towards those of all positions. How far, and whether at all, is what makes held-out training maps most
    /// likely; couplings that do not make validation maps more likely than that are left out. True by default.
    /// </summary>
    public bool Whitening { get; init; } = true;

    /// <summary>
    /// Frequencies of sines and cosines down and across the map that tell the nets the position; 0 for none, which takes all positions for
    /// alike, also where training begins. Null chooses as many as tell neighbours apart.
    /// </summary>
    public int? PositionFrequencies { get; init; }

    /// <summary>
    /// Couplings over checkerboards of positions, as in the flow of pixels, before those over channels; 0 by default, and at least 2 for
    /// maps of one channel, which has no other half.
    /// </summary>
    public int Checkerboards { get; init; }

    /// <summary>
    /// Random positions of each map that a training step sees, where nets look at one position at a time; 64 by default, 0 for all. Others
    /// see whole maps in any case.
    /// </summary>
    public int PositionsPerMap { get; init; } = 64;

    /// <summary>
    /// Whether the channels are of one kind and unit, as those of a net's layers are: <see cref="RealNvpTrainer.Options.Noise"/> then is in
    /// standard deviations of all channels together, so that a channel that hardly ever varies does not decide everything when it does.
    /// Otherwise it is in those of each channel. True by default.
    /// </summary>
    public bool SameUnits { get; init; } = true;

    /// <summary>Where the learned bound of each log-scale starts, above 0; 1 by default.</summary>
    public double LogScaleGain { get; init; } = 1;

    /// <summary>The flow of maps of a shape.</summary>
    /// <param name="maps">The shape.</param>
    /// <param name="noise">The noise of training, in standard deviations of channels.</param>
    /// <exception cref="ArgumentException">There is no flow of these options over such maps.</exception>
    internal FeatureMapDesign For(FlowShape maps, double noise)
    {
        (int channels, int height, int width) = (maps.Dimensions[0], maps.Dimensions[1], maps.Dimensions[2]);
        if (maps.Size == 1)
        {
            throw new ArgumentException($"Maps of {maps} are one number, and couplings need two: take them as a table "
                + "(FeatureKind.Table).");
        }
        if (channels == 1 && Checkerboards < 2)
        {
            throw new ArgumentException($"Maps of {maps} have one channel, and couplings over channels need two: set Maps.Checkerboards to "
                + "2 or more.");
        }
        if (Checkerboards > 0 && height * width < 2)
            throw new ArgumentException($"Maps of {maps} have one position, and a checkerboard needs two: set Maps.Checkerboards to 0.");
        return new FeatureMapDesign
        {
            Shape = maps,
            Couplings = Couplings,
            HiddenLayers = HiddenLayers,
            HiddenUnits = HiddenUnits ?? Math.Clamp(channels / 2, 32, 256),
            Kernel = Kernel,
            Mixing = Mixing,
            Whitening = Whitening,
            PositionFrequencies = PositionFrequencies ?? PositionPlanes.Frequencies(height, width),
            Checkerboards = Checkerboards,
            PositionsPerMap = Kernel > 1 || Checkerboards > 0 || PositionsPerMap == 0 ? null : PositionsPerMap,
            LogScaleGain = LogScaleGain,
            GaussianNoise = noise,
            SameUnits = SameUnits,
        };
    }

    /// <summary>Steps of the flow, at most.</summary>
    internal long Steps => 2L + Checkerboards + 2L * Couplings;

    internal void Check()
    {
        const string Group = nameof(RealNvpTrainer.Options.Maps);
        OptionRange.Require(Shape is null || Shape.IsImage, Group, nameof(Shape), Shape, "channels, height and width");
        OptionRange.Require(Couplings >= 2, Group, nameof(Couplings), Couplings, "at least 2, so that every channel is transformed");
        OptionRange.Require(HiddenLayers >= 1, Group, nameof(HiddenLayers), HiddenLayers, "1 or more");
        OptionRange.Require(HiddenUnits is null or >= 1 and <= 4096, Group, nameof(HiddenUnits), HiddenUnits, "null, or from 1 to 4096");
        OptionRange.Require(Kernel is 1 or 3, Group, nameof(Kernel), Kernel, "1 or 3");
        OptionRange.Require(Enum.IsDefined(Mixing), Group, nameof(Mixing), Mixing, "a defined value");
        OptionRange.Require(PositionFrequencies is null or >= 0 and <= 24, Group, nameof(PositionFrequencies), PositionFrequencies,
            "null, or from 0 to 24");
        OptionRange.Require(Checkerboards >= 0, Group, nameof(Checkerboards), Checkerboards, "0 or more");
        OptionRange.Require(PositionsPerMap >= 0, Group, nameof(PositionsPerMap), PositionsPerMap, "0 or more");
        OptionRange.Require(LogScaleGain is > 0 and <= FlowStepModule.MaxGain, Group, nameof(LogScaleGain), LogScaleGain,
            $"above 0 and at most {FlowStepModule.MaxGain}");
    }
}
