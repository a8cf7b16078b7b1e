using RealNvp.ML.Bench.Anomaly;

namespace RealNvp.ML.Tests.Bench;

/// <summary>Split files as the benchmark of anomaly ranking reads them.</summary>
public sealed class SplitTests
{
    [Fact]
    public void Takes_the_first_seeds_in_the_order_of_the_file()
    {
        IReadOnlyList<Split> splits = Read("3,train,7\n3,train,7\n3,test,1\n1,train,0\n1,test,2\n2,train,5\n2,test,6", 2);
        Assert.Equal([3, 1], splits.Select(split => split.Seed));
        Assert.Equal([7, 7], splits[0].Train);
        Assert.Equal([1], splits[0].Test);
        Assert.Equal(3, Read("3,train,7\n1,train,0\n2,train,5", 9).Count);
    }

    [Fact]
    public void A_split_of_every_seed_serves_trainer_seeds_from_zero()
    {
        IReadOnlyList<Split> splits = Read("-1,train,4\n-1,test,5", 3);
        Assert.Equal([0, 1, 2], splits.Select(split => split.Seed));
        Assert.All(splits, split => Assert.Equal((4, 5), (split.Train.Single(), split.Test.Single())));
    }

    [Theory, InlineData("0,train"), InlineData("0,train,x"), InlineData("0,validation,1"), InlineData("0,train,-1")]
    public void Refuses_other_lines(string line) => Assert.Throws<InvalidDataException>(() => Read(line, 1));

    private static IReadOnlyList<Split> Read(string lines, int count) => Split.Read(new StringReader($"seed,part,row\n{lines}"), count);
}
