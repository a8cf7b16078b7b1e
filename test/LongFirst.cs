using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Tests.Samples;
using RealNvp.ML.Tests.Trainers;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(RealNvp.ML.Tests.LongFirst))]

namespace RealNvp.ML.Tests;

/// <summary>
/// The builds, which take longest one after the other, begin first, and classes that take a good part of a minute after them, so that no
/// core is left to wait for one of them at the end; the other collections come in the order of chance that xUnit gives them.
/// </summary>
public sealed class LongFirst : ITestCollectionOrderer
{
    private static readonly Type[] s_long =
    [
        typeof(CheckpointTests), typeof(ReadmeSnippets), typeof(ConditionalDensityTests), typeof(TrainImagesTests),
        typeof(StretchedColumnTests), typeof(ImageTrainerTests), typeof(RealNvpTrainerTests),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection
        => [.. DefaultTestCollectionOrderer.Instance.OrderTestCollections(testCollections)
            .OrderBy(collection => collection.TestCollectionClassName == typeof(Builds).FullName ? 0 : IsLong(collection) ? 1 : 2)];

    /// <summary>A class that names no collection has one of its own, which is called after it.</summary>
    private static bool IsLong(ITestCollection collection)
        => s_long.Any(type => collection.TestCollectionDisplayName.Contains(type.FullName + " ", StringComparison.Ordinal));
}
