using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Trainers;

/// <summary>The flow of a table: what it consists of, and what is done to columns before it.</summary>
public sealed record TableFlowOptions
{
    /// <summary>What stands between the couplings; rotations by default.</summary>
    public FeatureMixing Mixing { get; init; } = FeatureMixing.Rotation;

    /// <summary>
    /// Whether a learned sinh-arcsinh map (Jones and Pewsey 2009) stands before each coupling, which shapes the skewness and the tails of
    /// every feature: fits skewed and heavy-tailed columns better, at the price of a third more time. False by default.
    /// </summary>
    public bool SinhArcsinh { get; init; }

    /// <summary>
    /// The number of affine couplings, at least 2 so that every feature is transformed. Null, the default, takes 8; of whitened features 2
    /// below 4 rows for each feature and 4 below 16.
    /// </summary>
    public int? Couplings { get; init; }

    /// <summary>
    /// Whether the flow starts as a Gaussian with full covariance: fixed principal axes, scaled, before the couplings. The correlations are
    /// shrunk towards none by the share that makes held-out training rows most likely, and couplings that do not make validation rows more
    /// likely than that Gaussian are left out. Null, the default, does so from 128 features on where there is no condition: rows are then
    /// too few for couplings to learn how features go together.
    /// </summary>
    public bool? Whitening { get; init; }

    /// <summary>Hidden layers of each coupling's net; 2 by default.</summary>
    public int HiddenLayers { get; init; } = 2;

    /// <summary>Width of each hidden layer; 64 by default.</summary>
    public int HiddenUnits { get; init; } = RealNvpTrainer.Defaults.HiddenUnits;

    /// <summary>The nonlinearity of the hidden layers; Relu by default.</summary>
    public Activation Activation { get; init; } = Activation.Relu;

    /// <summary>Where the learned bound of each log-scale starts, above 0; 2 by default.</summary>
    public double LogScaleGain { get; init; } = 2;

    /// <summary>
    /// Whether a batch norm follows each coupling (paper, section 3.7). False by default: with dropout it did not raise held-out
    /// likelihood.
    /// </summary>
    public bool BatchNorm { get; init; }

    /// <summary>
    /// Whether the layers of the nets have normalised weights, g v / ||v|| (Salimans and Kingma 2016; paper, section 3.7), as the nets of
    /// image flows always have. The trained flow has plain weights. False by default.
    /// </summary>
    public bool WeightNorm { get; init; }

    /// <summary>
    /// Standard deviations (scales by quartiles, where those are less than a third) beyond which values are compressed logarithmically, so
    /// that extreme rows neither dominate nor overflow; 10 by default, 0 turns it off.
    /// </summary>
    public double TailBound { get; init; } = 10;

    /// <summary>
    /// Latent values beyond which the latent is compressed logarithmically, which gives the flow heavier tails than a normal's: a row
    /// unlike all others is then very unlikely, not absurdly so; 0, the default, turns it off.
    /// </summary>
    public double LatentTailBound { get; init; }

    /// <summary>
    /// How many nats a component of the latent's mixture may add to the log-density at most, from 0 to 40. Once trained, a flow of 2 to
    /// 127 features without a condition gets a mixture of Gaussians in the place of its standard normal, fitted to the latents of training
    /// rows, where that makes validation rows more likely: clusters, grids and lines in the rows, and the holes between them, are then told
    /// better. 12 by default; components whose rows are among the least likely 15% of the training rows add at most 3, since anomalies
    /// would be there; with <see cref="RealNvpTrainer.Options.Trim"/> there are none. <c>RealNvpTransformer.Sample</c> draws from the
    /// mixture. Where it is above 0, the latent of a flow of any table also has a tail
    /// (<see cref="RealNvp.ML.Export.Steps.LatentMixture"/>): a row far from all others is then very unlikely, not absurdly so. 0, and a
    /// column of bits per dimension, leave the latent standard normal.
    /// </summary>
    public double MixtureBound { get; init; } = 12;

    /// <summary>
    /// Whether features with few different values (3 to 20, or 5% of the rows) get uniform noise of their smallest gap in training, so that
    /// their density does not run to infinity. Features of two values get a tenth of it, and one-hot groups all of it between two
    /// categories and a tenth of it to none or two, since more would hide a category that was never seen; unless
    /// <see cref="RealNvpColumns.BitsPerDimension"/> is named or they are a regression's labels. True by default.
    /// </summary>
    public bool Dequantize { get; init; } = true;

    /// <summary>Steps of the flow, at most.</summary>
    internal long Steps => 7L + (long)(Couplings ?? RealNvpTrainer.Defaults.Couplings)
        * (2 + (SinhArcsinh ? 1 : 0) + (BatchNorm ? 1 : 0));

    /// <summary>The flow of rows of a shape.</summary>
    internal TableDesign For(FlowShape shape) => new()
    {
        Shape = shape,
        Couplings = Couplings ?? RealNvpTrainer.Defaults.Couplings,
        MayHaveFewerCouplings = Couplings is null,
        HiddenLayers = HiddenLayers,
        HiddenUnits = HiddenUnits,
        Activation = Activation,
        Mixing = Mixing,
        SinhArcsinh = SinhArcsinh,
        BatchNorm = BatchNorm,
        WeightNorm = WeightNorm,
        LogScaleGain = LogScaleGain,
        TailBound = TailBound,
        LatentTailBound = LatentTailBound,
        MixtureBound = MixtureBound,
        Dequantize = Dequantize,
    };

    internal void Check()
    {
        const string Group = nameof(RealNvpTrainer.Options.Table);
        OptionRange.Require(Enum.IsDefined(Mixing), Group, nameof(Mixing), Mixing, "a defined value");
        OptionRange.Require(Enum.IsDefined(Activation), Group, nameof(Activation), Activation, "a defined value");
        OptionRange.Require(Couplings is null or >= 2, Group, nameof(Couplings), Couplings,
            "null, or at least 2, so that every feature is transformed");
        OptionRange.Require(HiddenLayers >= 0, Group, nameof(HiddenLayers), HiddenLayers, "0 or more");
        OptionRange.Require(HiddenUnits >= 1, Group, nameof(HiddenUnits), HiddenUnits, "1 or more");
        OptionRange.Require(LogScaleGain is > 0 and <= FlowStepModule.MaxGain, Group, nameof(LogScaleGain), LogScaleGain,
            $"above 0 and at most {FlowStepModule.MaxGain}");
        OptionRange.Require(TailBound is 0 or >= 1 and < 1e6, Group, nameof(TailBound), TailBound, "0, or from 1 to below a million");
        OptionRange.Require(MixtureBound is >= 0 and <= LatentMixture.MostGain, Group, nameof(MixtureBound), MixtureBound,
            $"from 0 to {LatentMixture.MostGain}");
        OptionRange.Require(LatentTailBound is 0 or >= 1 and < 1e6, Group, nameof(LatentTailBound), LatentTailBound,
            "0, or from 1 to below a million");
    }
}
