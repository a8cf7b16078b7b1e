using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The steps that files know, each by a tag. A tag in a file never changes, whatever becomes of the class that bears it: renaming or
/// trimming cannot break a saved flow.
/// </summary>
internal static class StepKinds
{
    private static readonly (string Tag, Type Type, Func<StepReader, FlowStep> Load)[] s_kinds =
    [
        ("AffineCoupling", typeof(AffineCoupling), AffineCoupling.Load),
        ("BatchNorm", typeof(BatchNorm), BatchNorm.Load),
        ("ChannelCoupling", typeof(ChannelCoupling), ChannelCoupling.Load),
        ("ChannelLinear", typeof(ChannelLinear), ChannelLinear.Load),
        ("ChannelPermutation", typeof(ChannelPermutation), ChannelPermutation.Load),
        ("ChannelStandardization", typeof(ChannelStandardization), ChannelStandardization.Load),
        ("CheckerboardCoupling", typeof(CheckerboardCoupling), CheckerboardCoupling.Load),
        ("Dequantization", typeof(Dequantization), Dequantization.Load),
        ("FactorOut", typeof(FactorOut), FactorOut.Load),
        ("ImageBatchNorm", typeof(ImageBatchNorm), ImageBatchNorm.Load),
        ("InvertibleLinear", typeof(InvertibleLinear), InvertibleLinear.Load),
        ("LatentMixture", typeof(LatentMixture), LatentMixture.Load),
        ("LearnedDequantization", typeof(LearnedDequantization), LearnedDequantization.Load),
        ("Logit", typeof(Logit), Logit.Load),
        ("Permutation", typeof(Permutation), Permutation.Load),
        ("PositionedCoupling", typeof(PositionedCoupling), PositionedCoupling.Load),
        ("PositionStandardization", typeof(PositionStandardization), PositionStandardization.Load),
        ("RationalQuadraticSpline", typeof(RationalQuadraticSpline), RationalQuadraticSpline.Load),
        ("Rotation", typeof(Rotation), Rotation.Load),
        ("SinhArcsinh", typeof(SinhArcsinh), SinhArcsinh.Load),
        ("Squeeze", typeof(Squeeze), Squeeze.Load),
        ("Standardization", typeof(Standardization), Standardization.Load),
        ("TailCompression", typeof(TailCompression), TailCompression.Load),
        ("Unsqueeze", typeof(Unsqueeze), Unsqueeze.Load),
    ];

    private static readonly Dictionary<string, Func<StepReader, FlowStep>> s_loaders
        = s_kinds.ToDictionary(kind => kind.Tag, kind => kind.Load, StringComparer.Ordinal);

    /// <summary>The tag of each class of step.</summary>
    public static IReadOnlyDictionary<Type, string> Tags { get; } = s_kinds.ToDictionary(kind => kind.Type, kind => kind.Tag);

    /// <summary>Whether a step of a file computes an inverse when it is loaded.</summary>
    public static bool IsInverted(StepMessage message)
        => (message.Kind == Tags[typeof(InvertibleLinear)] || message.Kind == Tags[typeof(ChannelLinear)]) && message.Tensors.Count > 0;

    /// <summary>Whether a step is one of continuous maps, which files of older versions do not know.</summary>
    public static bool IsOfMaps(FlowStep step)
        => step is ChannelLinear or ChannelPermutation or ChannelStandardization or PositionedCoupling;

    /// <summary>A step as it stands in a file.</summary>
    public static StepMessage Save(FlowStep step)
    {
        var writer = new StepWriter(step.Kind);
        step.Save(writer);
        return writer.Message;
    }

    /// <summary>A step from a file.</summary>
    /// <exception cref="FlowModelException">The tag is unknown, or the data contradict themselves.</exception>
    public static FlowStep Load(StepMessage message) => s_loaders.TryGetValue(message.Kind, out Func<StepReader, FlowStep>? load)
        ? load(new StepReader(message))
        : throw new FlowModelException(
            $"unknown step '{message.Kind}'; this version knows {string.Join(", ", s_loaders.Keys.Order(StringComparer.Ordinal))}.");
}
