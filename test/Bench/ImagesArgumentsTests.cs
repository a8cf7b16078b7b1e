using RealNvp.ML.Bench.Images;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Tests.Bench;

/// <summary>What the benchmark of images makes of its command line.</summary>
public sealed class ImagesArgumentsTests
{
    [Fact]
    public void A_measurement_has_the_first_two_sets_three_seeds_and_no_choice_of_its_own()
    {
        ImagesArguments arguments = Read("--data", "here");
        Assert.Equal(("here", 3, 1, 10_000, 2000, null),
            (arguments.Data, arguments.Seeds("digits"), arguments.Seeds("mnist"), arguments.Train, arguments.Test, arguments.Steps));
        Assert.Equal(["digits", "mnist"], arguments.Sets);
        Assert.Null(arguments.Experiment);
        Assert.False(arguments.IsModern);
        Assert.False(Read("--data", "here", "--preset", "faithful").IsModern);
        Assert.True(Read("--data", "here", "--preset", "modern").IsModern);
        Assert.Null(Read("--data", "here", "--sets", "cifar10, digits,digits", "--seeds", "5", "--train", "60000", "--test",
            "10000").Experiment); // more is no experiment
        Assert.Equal(["cifar10", "digits"], Read("--data", "here", "--sets", "cifar10, digits,digits").Sets);
    }

    [Theory]
    [InlineData("500 training steps", "--steps", "500")]
    [InlineData("at most 300 training images", "--train", "300")]
    [InlineData("7 training steps, at most 2000 training images, at most 9 test images", "--train", "2000", "--test", "9", "--steps", "7")]
    public void Anything_else_is_an_experiment(string expected, params string[] others)
        => Assert.Equal(expected, Read(["--data", "here", .. others]).Experiment);

    [Theory]
    [InlineData("--data is missing", "--seeds", "2")]
    [InlineData("--sets is 'mnist,digit', expected some of digits,mnist,cifar10", "--data", "here", "--sets", "mnist,digit")]
    [InlineData("--sets is ',', expected", "--data", "here", "--sets", ",")]
    [InlineData("--seeds is '0', expected a number from 1 on", "--data", "here", "--seeds", "0")]
    [InlineData("--train is '1e3', expected", "--data", "here", "--train", "1e3")]
    [InlineData("--test is '-5', expected", "--data", "here", "--test", "-5")]
    [InlineData("--steps is 'all', expected", "--data", "here", "--steps", "all")]
    [InlineData("--preset is 'new', expected faithful or modern", "--data", "here", "--preset", "new")]
    public void What_cannot_be_is_refused(string reason, params string[] arguments)
        => Assert.Contains(reason, Assert.Throws<BenchmarkFailedException>(() => Read(arguments)).Message, StringComparison.Ordinal);

    private static ImagesArguments Read(params string[] arguments)
        => new(BenchmarkArguments.Parse(arguments, ImagesArguments.Help.Keys, []));
}
