using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// Moves values within the bins of their levels as a net says that reads the levels: the formulas stand at
/// <see cref="LearnedDequantization"/>. The uniform noise is drawn by the training loop; evaluation sees the bins' centres.
/// </summary>
internal sealed class LearnedDequantizationModule : FlowStepModule
{
    private const double Tail = LearnedDequantization.Tail, Third = LearnedDequantization.Linear / (3 * LearnedDequantization.Cubic);

    private static readonly long[] s_axes = [1, 2, 3]; // all of an image
    private static readonly Scalar s_zero = 0.0.ToScalar(), s_half = 0.5.ToScalar(), s_one = 1.0.ToScalar();
    private static readonly Scalar s_scaleRange = LearnedDequantization.ScaleRange.ToScalar();
    private static readonly Scalar s_middleScale = LearnedDequantization.MiddleScale.ToScalar();
    private static readonly Scalar s_leanRange = LearnedDequantization.LeanRange.ToScalar();
    private static readonly Scalar s_end = LearnedDequantization.End.ToScalar();
    private static readonly Scalar s_tail = Tail.ToScalar(), s_between = (1 - 2 * Tail).ToScalar();
    private static readonly Scalar s_logBetween = Math.Log(1 - 2 * Tail).ToScalar();
    private static readonly Scalar s_linear = LearnedDequantization.Linear.ToScalar();
    private static readonly Scalar s_cubic = LearnedDequantization.Cubic.ToScalar();
    private static readonly Scalar s_threeCubic = (3 * LearnedDequantization.Cubic).ToScalar();
    private static readonly Scalar s_twoCubic = (2 * LearnedDequantization.Cubic).ToScalar();
    private static readonly Scalar s_third = Third.ToScalar(), s_thirdCubed = (Third * Third * Third).ToScalar();
    private static readonly Scalar s_oneThird = (1.0 / 3).ToScalar();

    private readonly ResidualConditionerModule net;
    private readonly int _levels;
    private readonly float _levelWidth;
    private readonly Scalar _width, _perWidth, _halfWidth, _last;

    /// <summary>A fresh step.</summary>
    /// <param name="levels">The number of levels.</param>
    /// <param name="levelWidth">Their distance in the column's units.</param>
    /// <param name="channels">The channels of the image.</param>
    /// <param name="options">The net, which starts at zero where couplings do.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="noise">Draws the dropout masks in training; needed with dropout only.</param>
    public LearnedDequantizationModule(int levels, float levelWidth, int channels, ImageCouplingOptions options, Generator weights,
        DeviceRandom? noise = null) : base(nameof(LearnedDequantizationModule))
    {
        (_levels, _levelWidth) = (levels, levelWidth);
        (_width, _perWidth) = (((double)levelWidth).ToScalar(), (1 / (double)levelWidth).ToScalar());
        (_halfWidth, _last) = ((0.5 * levelWidth).ToScalar(), ((double)levels - 1).ToScalar());
        net = new ResidualConditionerModule(channels, readsMask: false, options, weights, noise);
        RegisterComponents();
    }

    public override bool HasStatistics => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        ScalarType precision = x.dtype;
        (Tensor level, Tensor share, Tensor beyond) = Bins(x);
        (Tensor a, Tensor b, Tensor low, Tensor range) = Shape(level, precision, condition);
        Tensor p = (share * s_between).Plus(s_tail), q = p.neg().Plus(s_one);
        Tensor z = Root(p.log() - q.log());
        Tensor at = addcmul(b, a, z, s_one), h = at.sigmoid();
        Tensor logSlope = h.log().Plus(at.neg().sigmoid().log()).Plus((a / range).log());
        Tensor ofNoise = p.log().Plus(q.log()).Plus((z * z * s_threeCubic).Plus(s_linear).log()) - s_logBetween;
        Tensor logDet = (logSlope - ofNoise) * beyond.eq(s_zero).to(logSlope.dtype);
        return (Replaced(level, (h - low) / range, beyond).to(precision), logDet.sum(s_axes).to(precision));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        ScalarType precision = y.dtype;
        (Tensor level, Tensor share, Tensor beyond) = Bins(y);
        (Tensor a, Tensor b, Tensor low, Tensor range) = Shape(level, precision, condition);
        Tensor h = addcmul(low, share, range, s_one);
        Tensor z = (h.log() - h.neg().Plus(s_one).log() - b) / a;
        Tensor p = (z * (z * z * s_cubic).Plus(s_linear)).sigmoid();
        return Replaced(level, ((p - s_tail) / s_between).clamp(s_zero, s_one), beyond).to(precision);
    }

    public override void RefreshStatistics(Tensor input, Tensor? condition = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        net.RefreshStatistics(Bins(input).Level.to(input.dtype), mask: null, condition);
    }

    public override FlowStep Freeze() => new LearnedDequantization(_levels, _levelWidth, net.Freeze());

    /// <summary>
    /// The level of each value, where in its bin it is, from 0 to 1, and how far it is beyond all bins; outside of training in double, as
    /// the graph has them.
    /// </summary>
    private (Tensor Level, Tensor Share, Tensor Beyond) Bins(Tensor x)
    {
        Tensor at = ((training ? x : x.to(ScalarType.Float64)) * _perWidth).Plus(s_half);
        Tensor level = at.floor().clamp(s_zero, _last), within = at - level, share = within.clamp(s_zero, s_one);
        return (level, share, within - share);
    }

    private Tensor Replaced(Tensor level, Tensor share, Tensor beyond) => level.Plus(share).Plus(beyond) * _width - _halfWidth;

    private (Tensor A, Tensor B, Tensor Low, Tensor Range) Shape(Tensor level, ScalarType precision, Tensor? condition)
    {
        (Tensor r, Tensor t) = net.Heads(level.to(precision), mask: null, condition);
        Tensor a = (r.tanh().to(level.dtype) * s_scaleRange).Plus(s_middleScale), b = t.tanh().to(level.dtype) * s_leanRange;
        Tensor reach = a * s_end, low = (b - reach).sigmoid();
        return (a, b, low, b.Plus(reach).sigmoid() - low);
    }

    private static Tensor Root(Tensor odds)
    {
        Tensor half = odds / s_twoCubic;
        Tensor root = (half.abs().Plus((half * half).Plus(s_thirdCubed).sqrt()).log() * s_oneThird).exp();
        return half.sign() * (root - root.reciprocal() * s_third);
    }
}
