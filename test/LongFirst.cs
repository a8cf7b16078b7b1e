using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(RealNvp.ML.Tests.LongFirst))]

namespace RealNvp.ML.Tests;

/// <summary>
/// The builds, which take longest one after the other, begin first, so that no core is left to wait for them at the end; the other
/// collections come in the order of chance that xUnit gives them.
/// </summary>
public sealed class LongFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection
        => [.. DefaultTestCollectionOrderer.Instance.OrderTestCollections(testCollections)
            .OrderBy(collection => collection.TestCollectionClassName == typeof(Builds).FullName ? 0 : 1)];
}
