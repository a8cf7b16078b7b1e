using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// Coupling-output batch normalisation of image flows (paper, section 3.7), [N, C, H, W]: (x - mean) / sqrt(variance + epsilon) per
/// channel on the half
/// that the coupling transformed. Training uses the batch's statistics, with gradient and biased variance; evaluation and the inverse use
/// running ones (0.9 old + 0.1 new), replaced before freezing by those of many rows.
/// </summary>
internal sealed class ImageBatchNorm : FlowStepModule
{
    private static readonly Scalar s_epsilon = 1e-4.ToScalar();
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_momentum = 0.1.ToScalar();
    private static readonly Scalar s_kept = 0.9.ToScalar();
    private static readonly long[] s_axes = [0, 2, 3]; // all but the channels

    private readonly Tensor runningMean;
    private readonly Tensor runningVariance;
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
    public ImageBatchNorm(ImageMask mask, int channels, int height, int width, bool maskedZeros = false) : base(nameof(ImageBatchNorm))
    {
        bool checkerboard = mask.IsCheckerboard();
        (_mask, _maskedZeros) = (mask, maskedZeros && checkerboard);
        runningMean = zeros([checkerboard ? channels : channels / 2, 1, 1], dtype: ScalarType.Float32, device: CPU);
        runningVariance = ones_like(runningMean);
        if (checkerboard)
        {
            passing = CheckerboardMap(mask, height, width);
            transformed = CheckerboardMap(mask.Complement(), height, width);
        }
        _pixels = checkerboard ? (int)mask.Complement().Conditioning(height, width).Sum() : height * width;
        _minusHalfPixels = (-0.5 * _pixels).ToScalar();
        RegisterComponents();
    }

    public override bool HasStatistics => true;

    /// <summary>
    /// Training statistics to use instead of each batch's own, [channels, 1, 1]: with them held, the step is a fixed map whose Jacobian
    /// can be checked.
    /// </summary>
    public (Tensor Mean, Tensor Variance)? HeldStatistics { get; set; }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        (Tensor? conditioning, Tensor half) = transformed is null ? ChannelCoupling.Split(x, _mask) : (null, x);
        (Tensor Mean, Tensor Variance)? fixedStatistics = training ? HeldStatistics : (runningMean, runningVariance);
        Tensor mean = fixedStatistics?.Mean ?? Mean(half), centred = Centred(half, mean), variance = fixedStatistics?.Variance ?? Variance(half, mean, centred);
        if (fixedStatistics is null)
            Track(mean, variance);
        Tensor stabilised = variance.Plus(s_epsilon), scale = stabilised.rsqrt();
        Tensor y = conditioning is null ? addcmul(x * passing!, centred, scale, s_one) : ChannelCoupling.Merge(conditioning, centred * scale, _mask);
        return (y, stabilised.log().sum() * _minusHalfPixels);
    }

    public override Tensor Inverse(Tensor y) => OnTransformed(y, half => (half * runningVariance.Plus(s_epsilon).sqrt()).Plus(runningMean));

    public override void RefreshStatistics(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor half = transformed is null ? ChannelCoupling.Split(input, _mask).Transformed : input, mean = Mean(half);
        runningVariance.copy_(Variance(half, mean, Centred(half, mean)));
        runningMean.copy_(mean);
    }

    public override Frozen.FlowStep Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scale = runningVariance.to(ScalarType.Float64).Plus(s_epsilon).rsqrt();
        return new Frozen.ImageBatchNorm(_mask, Values(scale), Values(-runningMean * scale));
    }

    private void Track(Tensor mean, Tensor variance)
    {
        using IDisposable guard = no_grad();
        runningMean.mul_(s_kept).add_(mean.detach(), s_momentum);
        runningVariance.mul_(s_kept).add_(variance.detach(), s_momentum);
    }

    /// <summary>
    /// The mean of every channel over the half that was transformed, [channels, 1, 1]; the other half of a checkerboard counts as zeros,
    /// or not at all.
    /// </summary>
    private Tensor Mean(Tensor half) => transformed is null ? Average(half) : _maskedZeros ? Average(half * transformed) : SumOf(half * transformed, half);

    /// <summary>The half that was transformed, less its mean; zeros elsewhere.</summary>
    private Tensor Centred(Tensor half, Tensor mean) => transformed is null ? half - mean : (half - mean) * transformed;

    private Tensor Variance(Tensor half, Tensor mean, Tensor centred)
        => transformed is null ? Average(Square(centred)) : _maskedZeros ? Average(Square(half * transformed - mean)) : SumOf(Square(centred), half);

    private Tensor SumOf(Tensor masked, Tensor half)
    {
        using Scalar values = ((double)half.shape[0] * _pixels).ToScalar();
        return masked.sum(s_axes, keepdim: true).squeeze(0) / values;
    }

    private static Tensor Average(Tensor x) => x.mean(s_axes, keepdim: true).squeeze(0);

    private Tensor OnTransformed(Tensor x, Func<Tensor, Tensor> map)
    {
        if (transformed is not null)
            return (x * passing!).Plus(map(x) * transformed);
        (Tensor conditioning, Tensor half) = ChannelCoupling.Split(x, _mask);
        return ChannelCoupling.Merge(conditioning, map(half), _mask);
    }

    private static Tensor Square(Tensor x) => x * x;
}
