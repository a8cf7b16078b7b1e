using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Steps;
using TorchSharp;

namespace RealNvp.ML.Trainers;

/// <summary>
/// Assembles the multi-scale flow of images (paper, sections 3.6 and 4.1). Every scale but the last: three checkerboard couplings, squeeze, three channel-wise
/// couplings, unsqueeze, ordered squeeze, half of the channels factored out. The last scale: four checkerboard couplings.
/// </summary>
internal static class ImageFlow
{
    /// <summary>The smallest side of the last scale: a checkerboard needs neighbours.</summary>
    private const int SmallestSide = 2;

    /// <summary>More would need sides of more than 2^16 pixels.</summary>
    private const int MaxScales = 16;

    private static readonly ImageMask[] s_checkerboards = [ImageMask.EvenPixels, ImageMask.OddPixels, ImageMask.EvenPixels, ImageMask.OddPixels];
    private static readonly ImageMask[] s_channels = [ImageMask.FirstChannels, ImageMask.SecondChannels, ImageMask.FirstChannels];

    /// <summary>A fresh flow behind its logit.</summary>
    /// <param name="shape">Channels, height and width.</param>
    /// <param name="options">Its size; what is 0 is chosen by the shape.</param>
    /// <param name="seed">Of the initial weights.</param>
    /// <param name="dropout">The share of maps that each residual block drops in training.</param>
    /// <param name="noise">Draws what training draws; must outlive it. Needed with dropout only.</param>
    /// <param name="bfloat16">Whether the nets compute in bfloat16 in training.</param>
    /// <exception cref="ArgumentException">The sides do not allow so many scales.</exception>
    public static Flow Build(FlowShape shape, ImageFlowOptions options, int seed, double dropout = 0, DeviceRandom? noise = null, bool bfloat16 = false)
    {
        if (!shape.IsImage)
            throw new ArgumentException($"An image flow needs channels, height and width; found {shape} values.", nameof(shape));
        options = options.For(shape);
        RequireSize(shape, options.Scales);
        using var weights = new torch.Generator((ulong)(uint)seed, torch.CPU);
        var steps = new List<FlowStepModule> { new Steps.Logit(options.Levels, options.LevelWidth > 0 ? options.LevelWidth : 1, options.Alpha) };
        FlowShape at = shape;
        for (int scale = 0; scale < options.Scales; scale++)
        {
            bool last = scale == options.Scales - 1;
            int width = options.BaseWidth << scale;
            foreach (ImageMask mask in s_checkerboards.Take(last ? 4 : 3))
                AddCoupling(mask, width);
            if (last)
                break;
            int channels = at.Dimensions[0];
            Add(new Steps.Squeeze(SqueezeOrder.Plain, channels));
            foreach (ImageMask mask in s_channels)
                AddCoupling(mask, 2 * width);
            Add(new Steps.Unsqueeze(SqueezeOrder.Plain, channels));
            Add(new Steps.Squeeze(SqueezeOrder.Ordered, channels));
            Add(new Steps.FactorOut());
        }
        return new Flow(steps, shape);

        void Add(FlowStepModule step)
        {
            steps.Add(step);
            at = step.OutputShape(at);
        }

        void AddCoupling(ImageMask mask, int width)
        {
            (int channels, int height, int columns) = (at.Dimensions[0], at.Dimensions[1], at.Dimensions[2]);
            ImageCouplingOptions coupling = options.Coupling(width, dropout) with { BFloat16 = bfloat16 };
            Add(mask.IsCheckerboard()
                ? new Steps.CheckerboardCoupling(mask, channels, height, columns, coupling, weights, noise)
                : new Steps.ChannelCoupling(mask, channels, coupling, weights, noise));
            if (options.BatchNorm)
                Add(new Steps.ImageBatchNorm(mask, channels, height, columns, coupling.MaskedZerosInStatistics));
        }
    }

    /// <summary>The largest number of scales that the sides allow.</summary>
    public static int MostScales(int height, int width)
    {
        int scales = Math.Min(height, width) >= SmallestSide ? 1 : 0;
        while (scales > 0 && Fits(height, scales + 1) && Fits(width, scales + 1))
            scales++;
        return scales;
    }

    /// <summary>Requires sides that allow so many scales.</summary>
    /// <exception cref="ArgumentException">They do not; the message has the nearest sizes.</exception>
    public static void RequireSize(FlowShape shape, int scales)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scales, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scales, MaxScales);
        (int height, int width) = (shape.Dimensions[1], shape.Dimensions[2]);
        if (Fits(height, scales) && Fits(width, scales))
            return;
        int unit = 1 << (scales - 1), most = MostScales(height, width);
        int Down(int side) => Math.Max(side / unit, SmallestSide) * unit;
        int Up(int side) => Math.Max((side + unit - 1) / unit, SmallestSide) * unit;
        string nearest = (Down(height), Down(width)) == (Up(height), Up(width))
            ? $"The nearest such size is {Up(height)} x {Up(width)}"
            : $"The nearest such sizes are {Down(height)} x {Down(width)} and {Up(height)} x {Up(width)}";
        throw new ArgumentException(
            $"A flow of {scales} scales needs a height and a width that are multiples of {unit} and at least {SmallestSide * unit}; found {height} x {width}. "
            + nearest + (most > 0 ? $"; or use {most} scale{(most == 1 ? "" : "s")}." : "."), nameof(shape));
    }

    private static bool Fits(int side, int scales) => side % (1 << (scales - 1)) == 0 && side >> (scales - 1) >= SmallestSide;
}
