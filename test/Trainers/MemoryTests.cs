using Microsoft.ML;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Trainers;
using TorchSharp;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>A training holds no more late than early; the long form of this is the benchmark's subcommand engine.</summary>
[Trait("Area", "Memory")]
[Collection<Alone>]
public sealed class MemoryTests
{
    private const int Steps = 400;

    [Theory, InlineData(false), InlineData(true)]
    public void A_training_holds_as_many_tensors_at_its_end_as_when_it_was_warm(bool streamed)
    {
        MemoryWatch watch = Train(streamed);
        Assert.Equal(20, watch.Readings.Count);
        Assert.Null(watch.Growth());
    }

    [Fact]
    public void A_tensor_that_is_forgotten_at_every_evaluation_is_seen()
    {
        var leaked = new List<torch.Tensor>();
        MemoryWatch watch = Train(streamed: false, _ => leaked.Add(torch.zeros(1).DetachFromDisposeScope()));
        leaked.ForEach(tensor => tensor.Dispose());
        Assert.Contains("live tensors", watch.Growth(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(0, 4, "resident memory")] // 80 MiB more at the end
    [InlineData(1, 0, "live tensors")]
    public void Series_that_grow_are_told_from_those_that_wander(int tensors, int mebibytes, string? expected)
    {
        var watch = new MemoryWatch();
        for (int i = 0; i < 20; i++)
            watch.Add(new(i, 500 + tensors * i, (300L + mebibytes * i + i % 3 * 8) << 20));
        Assert.Contains(expected ?? "", watch.Growth() ?? "", StringComparison.Ordinal);
        Assert.Equal(expected is null, watch.Growth() is null);
    }

    private static MemoryWatch Train(bool streamed, Action<TrainingProgress>? each = null)
    {
        var ml = new MLContext(seed: 1);
        return MemoryRun.Run(ml, new WarpedGaussian().View(ml, 0, 500), streamed, Steps, each);
    }
}
