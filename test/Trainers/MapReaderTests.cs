using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps.Maps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What training sees of continuous maps.</summary>
public sealed class MapReaderTests
{
    [Fact]
    public void Likelihoods_of_some_positions_estimate_those_of_all_without_bias()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        using var random = new DeviceRandom(1, CPU);
        var maps = new MapReader(3, 4, 2, new float[4], positions: 5, random);
        FlowShape shape = FlowShape.Image(4, 3, 4);
        var flow = new Flow(
            [
                new PositionStandardizationModule(shape, new float[shape.Size], [.. Enumerable.Repeat(1f, shape.Size)]),
                new PositionedCouplingModule(ImageMask.FirstChannels, 4, new(2, 6, 1, 8, 0, 1), new Generator(1)),
            ],
            shape, maps: maps);
        RandomState.Set(flow);
        Tensor rows = randn([2, 4 * 3 * 4], dtype: ScalarType.Float64, generator: new Generator(2));
        flow.eval();
        double[] whole = [.. flow.LogLikelihood(rows).data<double>()];
        flow.train();
        double[][] draws = [.. Enumerable.Range(0, 600).Select(_ => flow.LogLikelihood(rows).data<double>().ToArray())];
        for (int row = 0; row < 2; row++)
        {
            double mean = draws.Average(draw => draw[row]);
            double deviation = Math.Sqrt(draws.Average(draw => Math.Pow(draw[row] - mean, 2)));
            Assert.True(deviation > 1, "Positions are alike: the test would pass anything.");
            Assert.Equal(whole[row], mean, 4 * deviation / Math.Sqrt(draws.Length));
        }
    }

    [Fact]
    public void Noise_is_that_of_each_channel()
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(1, CPU);
        var maps = new MapReader(20, 20, 0, [0, 2], positions: null, random);
        (Tensor seen, _, double weight) = maps.Draw(ones([5, 2, 20, 20]));
        Assert.Equal(1, weight);
        Assert.True(seen.narrow(1, 0, 1).eq(1).all().item<bool>());
        Assert.Equal(2, seen.narrow(1, 1, 1).std().item<float>(), 0.1f);
    }
}
