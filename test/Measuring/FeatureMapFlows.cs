using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Flows of continuous maps with random, non-trivial weights, made without libtorch.</summary>
internal sealed class FeatureMapFlows(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>A flow with every step of maps, calibrated, with probes by the double-precision loops.</summary>
    /// <param name="kernel">Of the nets' convolutions.</param>
    /// <param name="members">More than one for a mixture.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    public static FlowModel Random(int kernel = 1, int members = 1, int channels = 5, int height = 4, int width = 3)
    {
        FlowShape shape = FlowShape.Image(channels, height, width);
        IEnumerable<FlowStep>[] steps = [.. Enumerable.Range(1, members).Select(seed => new FeatureMapFlows(seed).Steps(shape, kernel))];
        var bare = new FlowModel(shape, steps);
        float[][] rows = Rows(bare, ProbeSet.StandardCount, seed: 4), calibration = Rows(bare, 39, seed: 5);
        float[][] maps = [.. calibration.Select(row => ReferenceFlow.ScoreMap(bare, row).Select(value => (float)value).ToArray())];
        return new FlowModel(shape, steps,
            new Calibration(calibration.Select(row => (float)-ReferenceFlow.LogLikelihood(bare, row)), 0.1),
            probes: new ProbeSet([.. rows.SelectMany(row => row)], [.. rows.Select(row => ReferenceFlow.LogLikelihood(bare, row))],
                [.. rows.SelectMany((row, i) => ReferenceFlow.Latent(bare, row, i % members))]))
            .WithScoreMapCalibration(new ScoreMapCalibration(maps.Select(map => map.Max()), maps.SelectMany(map => map), 0.1));
    }

    /// <summary>Rows of normal values about the flow's own means.</summary>
    public static float[][] Rows(FlowModel model, int count, int seed = 3)
    {
        var random = new Random(seed);
        float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, model.InputShape.Size).Select(_ => Normal()).ToArray())];
    }

    /// <summary>A coupling over halves of the channels.</summary>
    public PositionedCoupling Coupling(ImageMask mask, int channels, int kernel, int frequencies = 2)
    {
        const int Width = 4;
        int first = (channels + 1) / 2, conditioning = mask == ImageMask.FirstChannels ? first : channels - first;
        return new(mask, new PositionedNet(Conv(conditioning, Width, kernel), frequencies > 0 ? Conv(4 * frequencies, Width, 1) : null,
            [Conv(Width, Width + 1, kernel)], Conv(Width + 1, 2 * (channels - conditioning), 1)), Draw(channels - conditioning, 0.3, 0.8));
    }

    private FlowStep[] Steps(FlowShape shape, int kernel) => Steps(shape, kernel, shape.Dimensions[0]);

    private FlowStep[] Steps(FlowShape shape, int kernel, int channels) =>
    [
        new ChannelStandardization(Draw(channels, -0.5, 0.5), Draw(channels, 0.5, 1.5)),
        new ChannelLinear(channels, [.. Enumerable.Range(0, channels * channels)
            .Select(i => (float)((i % (channels + 1) == 0 ? 1 : 0) + 0.5 * (_random.NextDouble() - 0.5)))]),
        new PositionStandardization(shape, Draw(shape.Size, -0.5, 0.5), Draw(shape.Size, 0.5, 1.5)),
        Coupling(ImageMask.FirstChannels, channels, kernel),
        new ChannelPermutation([.. Enumerable.Range(0, channels).Select(i => (i + 2) % channels)]),
        Coupling(ImageMask.SecondChannels, channels, kernel, frequencies: 0),
    ];

    private ConvLayer Conv(int inputs, int outputs, int kernel)
    {
        double bound = 1.2 / Math.Sqrt(inputs * kernel * kernel);
        return new(inputs, outputs, kernel, Draw(inputs * outputs * kernel * kernel, -bound, bound), Draw(outputs, -0.3, 0.3));
    }

    private ImmutableArray<float> Draw(int count, double low, double high)
        => [.. Enumerable.Range(0, count).Select(_ => (float)(low + (high - low) * _random.NextDouble()))];
}
