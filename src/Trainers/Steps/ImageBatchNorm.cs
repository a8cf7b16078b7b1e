using RealNvp.ML.Export.Steps;
using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// Coupling-output batch normalisation of image flows (paper, section 3.7), [N, C, H, W]: (x - mean) / sqrt(variance + epsilon) per channel on the half
/// that the coupling transformed. Training uses the batch's statistics, with gradient and biased variance; evaluation and the inverse use running ones
/// (0.9 old + 0.1 new), replaced before freezing by those of many rows.
/// </summary>
internal sealed class ImageBatchNorm : FlowStepModule
{
    private static readonly Scalar s_epsilon = 1e-4.ToScalar();
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

    /// <summary>Training statistics to use instead of each batch's own, [channels, 1, 1]: with them held, the step is a fixed map whose Jacobian can be checked.</summary>
    public (Tensor Mean, Tensor Variance)? HeldStatistics { get; set; }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        (Tensor mean, Tensor variance) = Statistics(x);
        Tensor stabilised = variance.Plus(s_epsilon);
        return (OnTransformed(x, half => (half - mean) * stabilised.rsqrt()), stabilised.log().sum() * _minusHalfPixels);
    }

    public override Tensor Inverse(Tensor y) => OnTransformed(y, half => (half * runningVariance.Plus(s_epsilon).sqrt()).Plus(runningMean));

    public override void RefreshStatistics(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        (Tensor mean, Tensor variance) = BatchStatistics(input);
        runningMean.copy_(mean);
        runningVariance.copy_(variance);
    }

    public override Frozen.FlowStep Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scale = runningVariance.to(ScalarType.Float64).Plus(s_epsilon).rsqrt();
        return new Frozen.ImageBatchNorm(_mask, Values(scale), Values(-runningMean * scale));
    }

    private (Tensor Mean, Tensor Variance) Statistics(Tensor x)
    {
        if (!training)
            return (runningMean, runningVariance);
        if (HeldStatistics is { } held)
            return held;
        (Tensor mean, Tensor variance) = BatchStatistics(x);
        using (no_grad())
        {
            runningMean.mul_(s_kept).add_(mean.detach(), s_momentum);
            runningVariance.mul_(s_kept).add_(variance.detach(), s_momentum);
        }
        return (mean, variance);
    }

    private (Tensor Mean, Tensor Variance) BatchStatistics(Tensor x)
    {
        if (transformed is null)
            return Moments(ChannelCoupling.Split(x, _mask).Transformed);
        Tensor masked = x * transformed;
        if (_maskedZeros)
            return Moments(masked);
        using Scalar values = ((double)x.shape[0] * _pixels).ToScalar();
        Tensor mean = masked.sum(s_axes, keepdim: true).squeeze(0) / values;
        return (mean, Square((x - mean) * transformed).sum(s_axes, keepdim: true).squeeze(0) / values);
    }

    private static (Tensor Mean, Tensor Variance) Moments(Tensor x)
    {
        Tensor mean = x.mean(s_axes, keepdim: true).squeeze(0);
        return (mean, Square(x - mean).mean(s_axes, keepdim: true).squeeze(0));
    }

    private Tensor OnTransformed(Tensor x, Func<Tensor, Tensor> map)
    {
        if (transformed is not null)
            return (x * passing!).Plus(map(x) * transformed);
        (Tensor conditioning, Tensor half) = ChannelCoupling.Split(x, _mask);
        return ChannelCoupling.Merge(conditioning, map(half), _mask);
    }

    private static Tensor Square(Tensor x) => x * x;
}
