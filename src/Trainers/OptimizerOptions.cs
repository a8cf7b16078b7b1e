namespace RealNvp.ML.Trainers;

/// <summary>How the weights are learned, beyond the rate and the number of steps: Adam with decoupled weight decay.</summary>
public sealed record OptimizerOptions
{
    /// <summary>How the learning rate falls from its peak; by a half cosine by default.</summary>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.Cosine;

    /// <summary>
    /// The share of the steps over which the learning rate rises from 0 to its peak, from 0 to 1; 0.05 by default, and 0 begins at the
    /// peak.
    /// </summary>
    public double WarmUp { get; init; } = DefaultWarmUp;

    /// <summary>Decoupled weight decay per step, times the learning rate, from 0, the default, to below 1.</summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// The original's L2 penalty: this times the sum of squares of the gains (those of the log-scales, and of weight normalisation) is
    /// added to the loss in nats per row. Null chooses 5e-5 for images and 0 for tables.
    /// </summary>
    public double? GainPenalty { get; init; }

    /// <summary>
    /// The global gradient norm beyond which gradients are scaled down. Null chooses 5 sqrt(D) for tables and 100 for images; 0 turns it
    /// off.
    /// </summary>
    public double? GradientClip { get; init; }

    /// <summary>
    /// The decay per step of an exponential moving average of the weights, from 0 to below 1, which then is what is validated and kept.
    /// 0.999 averages about a thousand steps; early on less. 0, the default, turns it off.
    /// </summary>
    public double AveragedWeights { get; init; }

    internal const double DefaultWarmUp = 0.05;

    internal void Check()
    {
        const string Group = nameof(RealNvpTrainer.Options.Optimizer);
        OptionRange.Require(Enum.IsDefined(Decay), Group, nameof(Decay), Decay, "a defined value");
        OptionRange.Require(WarmUp is >= 0 and <= 1, Group, nameof(WarmUp), WarmUp, "from 0 to 1");
        OptionRange.Require(WeightDecay is >= 0 and < 1, Group, nameof(WeightDecay), WeightDecay, "from 0 to below 1");
        OptionRange.Require(GainPenalty is null or >= 0 and < 1000, Group, nameof(GainPenalty), GainPenalty,
            "null, or from 0 to below 1000");
        OptionRange.Require(GradientClip is null or >= 0 && !(GradientClip > double.MaxValue), Group, nameof(GradientClip), GradientClip,
            "null, or 0 or more");
        OptionRange.Require(AveragedWeights is >= 0 and < 1, Group, nameof(AveragedWeights), AveragedWeights, "from 0 to below 1");
    }
}
