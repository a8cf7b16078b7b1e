using System.Collections.Immutable;

namespace RealNvp.ML.Export;

/// <summary>What a flow says of itself: the names of its features and how it was trained.</summary>
public sealed class FlowMetadata
{
    /// <summary>No feature names and no training summary.</summary>
    public static FlowMetadata Empty { get; } = new();

    /// <summary>One name per feature, or empty where the training column had none.</summary>
    public ImmutableArray<string> FeatureNames { get; init; } = [];

    /// <summary>
    /// The median of each feature over the training rows, in its units, and of a category's features, "colour.red" and so on, a 1 for the
    /// most frequent: the row that explanations compare with. Empty where unknown.
    /// </summary>
    public ImmutableArray<float> FeatureMedians { get; init; } = [];

    /// <summary>
    /// The different values that each discrete feature had in the training rows, ascending, in its units; the one value of a constant
    /// feature; empty for all others. Empty where unknown. What is drawn lies between them: <c>DrawnNumbers</c> gives the nearest.
    /// </summary>
    public ImmutableArray<ImmutableArray<float>> FeatureLevels { get; init; } = [];

    /// <summary>
    /// The features of each one-hot group, ascending: each has two levels, and each training row exactly one of them at the higher.
    /// Empty where there are none or nothing is known. What is drawn lies between: <c>DrawnNumbers</c> gives the one that is meant.
    /// </summary>
    public ImmutableArray<ImmutableArray<int>> OneHotGroups { get; init; } = [];

    /// <summary>
    /// Facts of the training run by name (rows, epochs, seconds, seed, device, log-likelihoods in nats), in invariant culture.
    /// </summary>
    public ImmutableSortedDictionary<string, string> Training { get; init; }
        = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);
}
