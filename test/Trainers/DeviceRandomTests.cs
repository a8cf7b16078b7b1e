using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What a run draws, by seed and step.</summary>
public sealed class DeviceRandomTests
{
    [Fact]
    public void Steps_and_seeds_have_seeds_of_their_own_on_a_gpu()
    {
        long[] seeds = [.. Enumerable.Range(0, 100)
            .SelectMany(seed => Enumerable.Range(-1, 100).Select(step => DeviceRandom.Mixed((ulong)seed, step)))];
        Assert.Equal(seeds.Length, seeds.Distinct().Count());
        Assert.All(seeds, seed => Assert.True(seed >= 0));
        Assert.InRange(seeds.Average(seed => (double)seed / long.MaxValue), 0.49, 0.51);
    }

    [Fact]
    public void On_a_cpu_the_generator_is_torchs_own()
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(7, CPU);
        random.Begin(3);
        Assert.Equal(randn(5, generator: new Generator(7)).data<float>().ToArray(),
            randn(5, generator: random.Generator).data<float>().ToArray());
    }

    [Fact]
    public void On_a_gpu_a_step_draws_the_same_again()
    {
        Assert.SkipUnless(cuda.is_available(), "There is no CUDA: build with -p:Backend=cuda on a machine with an NVIDIA GPU.");
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(7, CUDA);
        float[] Draw(long step)
        {
            random.Begin(step);
            return randn(5, device: CUDA, generator: random.Generator).cpu().data<float>().ToArray();
        }
        float[] first = Draw(3), next = Draw(4);
        Assert.NotEqual(first, next);
        Assert.Equal(first, Draw(3));
    }
}
