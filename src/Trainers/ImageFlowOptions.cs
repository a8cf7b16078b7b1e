using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Designs;

namespace RealNvp.ML.Trainers;

/// <summary>
/// The multi-scale flow of an image column: its size, what its pixels stand for, and where it departs from the original code. What is null
/// is chosen by the images' size; the presets have the sizes of the paper.
/// </summary>
/// <example>
/// <code>
/// var options = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small with { Levels = 17 });
/// var pipeline = mlContext.AnomalyDetection.Trainers.RealNvp(options);
/// </code>
/// </example>
public sealed record ImageFlowOptions
{
    /// <summary>
    /// Channels, height and width of a row, for a flat vector column; null takes the column's own dimensions, three as ExtractPixels gives
    /// them.
    /// </summary>
    public FlowShape? Shape { get; init; }

    /// <summary>
    /// The number of scales: each but the last halves the sides and factors out half of the variables. Null chooses by the sides.
    /// </summary>
    public int? Scales { get; init; }

    /// <summary>
    /// The maps of the first checkerboard nets; they double at every scale, and channel-wise nets have twice as many. Null chooses by the
    /// sides.
    /// </summary>
    public int? BaseWidth { get; init; }

    /// <summary>The residual blocks of each net. Null chooses by the sides.</summary>
    public int? Blocks { get; init; }

    /// <summary>
    /// The couplings over checkerboards, and those over channels, of each scale; the last scale has one more of checkerboards. Null, the
    /// default, has the paper's 3.
    /// </summary>
    public int? Couplings { get; init; }

    /// <summary>
    /// Whether a learned linear map of the channels (Kingma and Dhariwal 2018, "Glow": an invertible 1x1 convolution) stands before each
    /// coupling over channels. False by default, as in the paper.
    /// </summary>
    public bool ChannelMixing { get; init; }

    /// <summary>
    /// The maps of a net that shapes the noise within the bins of the levels (Ho et al. 2019, "Flow++": learned dequantisation), from 0 to
    /// 4096; 0, the default, leaves the noise uniform, as in the paper. Rows, scores and samples keep their meaning; with it bits per
    /// dimension are a tighter bound, above all where many pixels are certain, as those of a plain ground.
    /// </summary>
    public int DequantizationMaps { get; init; }

    /// <summary>The number of levels of a pixel; 256, those of 8 bits, by default.</summary>
    public int Levels { get; init; } = 256;

    /// <summary>
    /// The distance of two levels in the column's units: 1 for 0, 1, 2..., 1/255 where 255 became 1. Null tells it from the training rows:
    /// 1, or 1 / (<see cref="Levels"/> - 1) where no value exceeds 1.
    /// </summary>
    public float? LevelWidth { get; init; }

    /// <summary>How far the logit keeps levels from 0 and 1 (paper, section 4.1), from 0 to below 1/2; 0.05 by default.</summary>
    public float Alpha { get; init; } = (float)Export.Steps.Logit.StandardAlpha;

    /// <summary>
    /// Whether half of the images of each training batch are mirrored left to right. Validation and scoring see them as they
    /// are. False by default.
    /// </summary>
    public bool HorizontalFlips { get; init; }

    /// <summary>Whether a batch norm follows every coupling (paper, section 3.7); true by default.</summary>
    public bool BatchNorm { get; init; } = true;

    /// <summary>
    /// Whether a fresh coupling is the identity: the net's output starts at zero, the log-scale's gain at 1, so that training begins at the
    /// data's own scale and its first gradient reaches every coupling. The original starts the net at random, and the gain at 0 for
    /// checkerboards and 1 for channels. True by default.
    /// </summary>
    public bool IdentityStart { get; init; } = true;

    /// <summary>
    /// Whether each transformed channel has a log-scale gain of its own; true by default. The original has one number for a coupling.
    /// </summary>
    public bool GainPerChannel { get; init; } = true;

    /// <summary>
    /// Whether y = (x + t) * exp(s), as in the original, instead of y = x * exp(s) + t: the same family, but there a growing scale
    /// multiplies the shift too. False by default.
    /// </summary>
    public bool ShiftFirst { get; init; }

    /// <summary>
    /// Whether the statistics of the batch norm after a checkerboard are those of the image with zeros in place of the conditioning pixels,
    /// as in the original. Its output then has a variance of about 2 where 1 is meant. False by default.
    /// </summary>
    public bool MaskedZerosInStatistics { get; init; }

    /// <summary>
    /// Whether convolutions start as in the original: weights, before they are normalised, uniform within +-sqrt(2 / inputs), by which
    /// Adam's first steps turn them some seven times as far as standard normal ones at 32 maps; learned gains at 1.225 for 3 x 3 and 0.408
    /// for 1 x 1 weights, those of the net's output included where <see cref="IdentityStart"/> does not start them at 0. False by default:
    /// standard normal weights, and gains of 1.
    /// </summary>
    public bool UniformStart { get; init; }

    /// <summary>
    /// Whether <see cref="OptimizerOptions.GainPenalty"/> leaves out the log-scale gains of channel-wise couplings, as in the original,
    /// which penalises those of checkerboards alone. False by default.
    /// </summary>
    public bool SparesChannelGains { get; init; }

    /// <summary>For sides up to 28 on a CPU: two scales, two blocks of 32 maps.</summary>
    public static ImageFlowOptions Small { get; } = new() { Scales = 2, BaseWidth = 32, Blocks = 2 };

    /// <summary>The paper's flow of CIFAR-10, 32 x 32: eight blocks, 64 maps, two scales ("downscale only once"), with flips.</summary>
    public static ImageFlowOptions Cifar10 { get; } = new() { Scales = 2, BaseWidth = 64, Blocks = 8, HorizontalFlips = true };

    /// <summary>The paper's flow of ImageNet at 32 x 32: four blocks, 32 maps, four scales.</summary>
    public static ImageFlowOptions ImageNet32 { get; } = new() { Scales = 4, BaseWidth = 32, Blocks = 4 };

    /// <summary>The paper's flow of ImageNet at 64 x 64: two blocks, 32 maps, five scales.</summary>
    public static ImageFlowOptions ImageNet64 { get; } = new() { Scales = 5, BaseWidth = 32, Blocks = 2 };

    /// <summary>The paper's flow of CelebA at 64 x 64: that of <see cref="ImageNet64"/>, with flips.</summary>
    public static ImageFlowOptions CelebA { get; } = ImageNet64 with { HorizontalFlips = true };

    /// <summary>The paper's flow of LSUN at 64 x 64: that of <see cref="ImageNet64"/>, with flips.</summary>
    public static ImageFlowOptions Lsun { get; } = ImageNet64 with { HorizontalFlips = true };

    /// <summary>
    /// The same size with every choice of the original code that belongs to the flow. What belongs to its training is in
    /// <see cref="RealNvpTrainer.Options.AsOriginal"/>.
    /// </summary>
    /// <remarks>
    /// Sizes are left as they are: the presets have those of the paper, while the commands that come with the original code train CelebA
    /// and LSUN with four blocks.
    /// </remarks>
    public ImageFlowOptions AsOriginal() => this with
    {
        IdentityStart = false,
        GainPerChannel = false,
        ShiftFirst = true,
        MaskedZerosInStatistics = true,
        UniformStart = true,
        SparesChannelGains = true,
    };

    /// <summary>
    /// The same flow with noise within the bins that a net of 16 maps shapes (<see cref="DequantizationMaps"/>): of what later flows
    /// brought, the part that paid at equal time. What belongs to the training is in <see cref="RealNvpTrainer.Options.AsModern"/>.
    /// </summary>
    public ImageFlowOptions AsModern() => this with { DequantizationMaps = 16 };

    /// <summary>The flow of images of a shape.</summary>
    /// <exception cref="ArgumentException">Their sides do not allow this many scales.</exception>
    internal ImageDesign For(FlowShape image)
    {
        int side = Math.Max(image.Dimensions[1], image.Dimensions[2]);
        ImageFlowOptions like = side <= ImageDesign.SmallSide ? Small : side <= 32 ? ImageNet32 : ImageNet64;
        int most = Math.Max(1, ImageFlow.MostScales(image.Dimensions[1], image.Dimensions[2]));
        int scales = Scales ?? Math.Min(like.Scales!.Value, most);
        ImageFlow.RequireSize(image, scales);
        return new ImageDesign
        {
            Shape = image,
            Scales = scales,
            BaseWidth = BaseWidth ?? like.BaseWidth!.Value,
            Blocks = Blocks ?? like.Blocks!.Value,
            Levels = Levels,
            LevelWidth = LevelWidth,
            Alpha = Alpha,
            HorizontalFlips = HorizontalFlips,
            BatchNorm = BatchNorm,
            IdentityStart = IdentityStart,
            GainPerChannel = GainPerChannel,
            ShiftFirst = ShiftFirst,
            MaskedZerosInStatistics = MaskedZerosInStatistics,
            UniformStart = UniformStart,
            SparesChannelGains = SparesChannelGains,
            Couplings = Couplings,
            ChannelMixing = ChannelMixing,
            DequantizationMaps = DequantizationMaps,
        };
    }

    internal void Check()
    {
        const string Group = nameof(RealNvpTrainer.Options.Image);
        OptionRange.Require(Scales is null or >= 1, Group, nameof(Scales), Scales, "null, or 1 or more");
        OptionRange.Require(BaseWidth is null or >= 1 and <= 4096, Group, nameof(BaseWidth), BaseWidth, "null, or from 1 to 4096");
        OptionRange.Require(Blocks is null or >= 1 and <= 1000, Group, nameof(Blocks), Blocks, "null, or from 1 to 1000");
        OptionRange.Require(Couplings is null or >= 1 and <= 100, Group, nameof(Couplings), Couplings, "null, or from 1 to 100");
        OptionRange.Require(DequantizationMaps is >= 0 and <= 4096, Group, nameof(DequantizationMaps), DequantizationMaps,
            "from 0 to 4096");
        OptionRange.Require(Levels is >= 2 and <= 1 << 16, Group, nameof(Levels), Levels, "from 2 to 65536");
        OptionRange.Require(LevelWidth is null or > 0 and <= float.MaxValue, Group, nameof(LevelWidth), LevelWidth, "null, or above 0");
        OptionRange.Require(Alpha is >= 0 and < 0.5f, Group, nameof(Alpha), Alpha, "from 0 to below 0.5");
        OptionRange.Require(Shape is null || Shape.IsImage, Group, nameof(Shape), Shape, "channels, height and width");
    }
}
