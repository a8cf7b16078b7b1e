using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Steps of image flows with random parameters, none of them trivial, which read so much of a condition.</summary>
internal sealed class RandomImageSteps(int seed, int conditionInputs = 0)
{
    private readonly Random _random = new(seed);

    /// <summary>A coupling over a checkerboard or over halves of the channels, as the mask says.</summary>
    public ImageCoupling Coupling(ImageMask mask, int channels, int blocks = 1, bool shiftFirst = false)
    {
        int transformed = mask.IsCheckerboard() ? channels : channels / 2;
        ResidualConditioner net = Net(transformed, mask.IsCheckerboard(), blocks);
        ImmutableArray<float> gain = Draw(transformed, 0.3, 0.8);
        return mask.IsCheckerboard()
            ? new CheckerboardCoupling(mask, net, gain, shiftFirst)
            : new ChannelCoupling(mask, net, gain, shiftFirst);
    }

    /// <summary>The batch norm after it.</summary>
    public ImageBatchNorm Norm(ImageMask mask, int channels)
    {
        int normed = mask.IsCheckerboard() ? channels : channels / 2;
        return new(mask, Draw(normed, 0.6, 1.5), Draw(normed, -0.5, 0.5));
    }

    /// <summary>Noise within the bins of levels, shaped by a net.</summary>
    public LearnedDequantization Dequantization(int channels, int levels, float levelWidth)
        => new(levels, levelWidth, Net(channels, readsMask: false, blocks: 1, inputScale: 5.0 / levels));

    /// <summary>A coupling and its batch norm.</summary>
    public FlowStep[] Both(ImageMask mask, int channels, int blocks = 1, bool shiftFirst = false)
        => [Coupling(mask, channels, blocks, shiftFirst), Norm(mask, channels)];

    /// <summary>
    /// Every scale but the last: checkerboards, channels, and half of the variables factored out; 2 c channels come out of c.
    /// </summary>
    public FlowStep[] Scale(int channels) =>
    [
        .. Both(ImageMask.EvenPixels, channels), .. Both(ImageMask.OddPixels, channels, 2, true),
        new Squeeze(SqueezeOrder.Plain), .. Both(ImageMask.FirstChannels, 4 * channels),
        .. Both(ImageMask.SecondChannels, 4 * channels, conditionInputs > 0 ? 1 : 0, true), new Unsqueeze(SqueezeOrder.Plain),
        new Squeeze(SqueezeOrder.Ordered), new FactorOut(),
    ];

    private ResidualConditioner Net(int channels, bool readsMask, int blocks, double inputScale = 1)
    {
        const int Width = 4;
        return new(Affine(channels, inputScale), readsMask, Conv(2 * channels + (readsMask ? 1 : 0), Width, 3), Conv(Width, Width, 1),
            [.. Enumerable.Range(0, blocks).Select(_
                => new ResidualBlock(Affine(Width), Conv(Width, Width + 1, 3), Conv(Width + 1, Width, 3), Conv(Width, Width, 1),
                    conditionInputs > 0 ? Dense(Width + 1) : null))],
            Conv(Width, 2 * channels, 1));
    }

    private ConditionerNorm Affine(int channels, double scale = 1)
        => new(Draw(channels, 0.4 * scale, 1.2 * scale), Draw(channels, -0.5, 0.5));

    private ConvLayer Conv(int inputs, int outputs, int kernel)
    {
        double bound = 1.2 / Math.Sqrt(inputs * kernel * kernel);
        return new(inputs, outputs, kernel, Draw(inputs * outputs * kernel * kernel, -bound, bound), Draw(outputs, -0.3, 0.3));
    }

    private DenseLayer Dense(int outputs)
        => new(conditionInputs, outputs, Draw(conditionInputs * outputs, -0.6, 0.6), Draw(outputs, -0.3, 0.3));

    private ImmutableArray<float> Draw(int count, double low, double high)
        => [.. Enumerable.Range(0, count).Select(_ => (float)(low + (high - low) * _random.NextDouble()))];
}
