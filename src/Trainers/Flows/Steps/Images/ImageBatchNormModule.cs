using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// Coupling-output batch normalisation of image flows, [N, C, H, W]: each channel on the half that the coupling transformed.
/// </summary>
internal sealed class ImageBatchNormModule : RunningNormModule
{
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly long[] s_axes = [0, 2, 3]; // all but the channels

    private readonly Tensor? transformed; // [1, 1, H, W], ones where a checkerboard transforms
    private readonly Tensor? passing;
    private readonly ImageMask _mask;
    private readonly bool _maskedZeros;
    private readonly int _pixels;
    private readonly Scalar _minusHalfPixels;

    /// <summary>A fresh norm.</summary>
    /// <param name="mask">The mask of the coupling before it.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="maskedZeros">Whether the zeros of a checkerboard's other half count, as in the original.</param>
    public ImageBatchNormModule(ImageMask mask, int channels, int height, int width, bool maskedZeros = false)
        : base(nameof(ImageBatchNormModule), mask.IsCheckerboard() ? channels : channels / 2, 1, 1)
    {
        bool checkerboard = mask.IsCheckerboard();
        (_mask, _maskedZeros) = (mask, maskedZeros && checkerboard);
        if (checkerboard)
        {
            passing = CheckerboardMap(mask, height, width);
            transformed = CheckerboardMap(mask.Complement(), height, width);
        }
        _pixels = checkerboard ? (int)mask.Complement().Conditioning(height, width).Sum() : height * width;
        _minusHalfPixels = (-0.5 * _pixels).ToScalar();
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor? conditioning, Tensor half) = transformed is null ? ChannelCouplingModule.Split(x, _mask) : (null, x);
        (Tensor Mean, Tensor Variance)? fixedStatistics = FixedStatistics;
        Tensor mean = fixedStatistics?.Mean ?? Mean(half), centred = Centred(half, mean);
        Tensor variance = fixedStatistics?.Variance ?? Variance(half, mean, centred);
        if (fixedStatistics is null)
            Track(mean, variance);
        Tensor stabilised = Stabilised(variance), scale = stabilised.rsqrt();
        Tensor y = conditioning is null
            ? addcmul(x * passing!, centred, scale, s_one)
            : ChannelCouplingModule.Merge(conditioning, centred * scale, _mask);
        return (y, stabilised.log().sum() * _minusHalfPixels);
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => OnTransformed(y, Restored);

    public override void RefreshStatistics(Tensor input, Tensor? condition = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor half = transformed is null ? ChannelCouplingModule.Split(input, _mask).Transformed : input, mean = Mean(half);
        SetStatistics(mean, Variance(half, mean, Centred(half, mean)));
    }

    public override FlowStep Freeze()
    {
        (ImmutableArray<float> scale, ImmutableArray<float> shift) = FrozenAffine();
        return new ImageBatchNorm(_mask, scale, shift);
    }

    /// <summary>
    /// The mean of every channel over the half that was transformed, [channels, 1, 1]; the other half of a checkerboard counts as zeros,
    /// or not at all.
    /// </summary>
    private Tensor Mean(Tensor half)
        => transformed is null ? Average(half) : _maskedZeros ? Average(half * transformed) : SumOf(half * transformed, half);

    /// <summary>The half that was transformed, less its mean; zeros elsewhere.</summary>
    private Tensor Centred(Tensor half, Tensor mean) => transformed is null ? half - mean : (half - mean) * transformed;

    private Tensor Variance(Tensor half, Tensor mean, Tensor centred)
        => transformed is null ? Average(Square(centred))
            : _maskedZeros ? Average(Square(half * transformed - mean)) : SumOf(Square(centred), half);

    private Tensor SumOf(Tensor masked, Tensor half)
    {
        using Scalar values = ((double)half.shape[0] * _pixels).ToScalar();
        return RowShard.Averaged(masked.sum(s_axes, keepdim: true).squeeze(0) / values);
    }

    private static Tensor Average(Tensor x) => RowShard.Averaged(x.mean(s_axes, keepdim: true).squeeze(0));

    private Tensor OnTransformed(Tensor x, Func<Tensor, Tensor> map)
    {
        if (transformed is not null)
            return (x * passing!).Plus(map(x) * transformed);
        (Tensor conditioning, Tensor half) = ChannelCouplingModule.Split(x, _mask);
        return ChannelCouplingModule.Merge(conditioning, map(half), _mask);
    }

    private static Tensor Square(Tensor x) => x * x;
}
