using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What dropout multiplies by.</summary>
public sealed class DropoutMaskTests
{
    [Theory, InlineData(0.05), InlineData(0.5), InlineData(0.9)]
    public void Shares_are_dropped_and_the_mean_stays(double share)
    {
        using DisposeScope scope = NewDisposeScope();
        var mask = new DropoutMask(share, new DeviceRandom(3, CPU));
        double[] values = [.. mask.Draw(empty(401, 501)).to(ScalarType.Float64).data<double>()];
        Assert.All(values.Distinct(), value
            => Assert.True(value == 0 || Math.Abs(value - 1 / (1 - share)) < 1e-3 / (1 - share), $"{value}"));
        double deviation = Math.Sqrt(share * (1 - share) / values.Length);
        Assert.Equal(share, values.Average(value => value == 0 ? 1.0 : 0.0), 5 * deviation);
        // four values come of one draw, a quarter of all values apart: they must not know of each other
        int apart = (values.Length + 3) / 4;
        foreach (int distance in new[] { 1, apart, 2 * apart, 3 * apart })
        {
            double both = Enumerable.Range(0, values.Length - distance)
                .Average(i => values[i] == 0 && values[i + distance] == 0 ? 1.0 : 0.0);
            Assert.Equal(share * share, both, 7 * Math.Sqrt(share * share * (1 - share * share) / (values.Length - distance)));
        }
    }

    [Fact]
    public void The_same_seed_draws_the_same_and_every_draw_is_new()
    {
        using DisposeScope scope = NewDisposeScope();
        DropoutMask one = new(0.5, new DeviceRandom(3, CPU)), other = new(0.5, new DeviceRandom(3, CPU));
        Tensor values = empty([7, 9], dtype: ScalarType.Float64), first = one.Draw(values);
        Assert.Equal(ScalarType.Float64, first.dtype);
        Assert.Equal([7L, 9L], first.shape);
        Assert.True(first.equal(other.Draw(values)).all().item<bool>());
        Assert.False(first.equal(one.Draw(values)).all().item<bool>());
    }
}
