using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// A learned monotone rational-quadratic spline per feature (Durkan, Bekasov, Murray and Papamakarios 2019), the identity at the start:
/// what makes a feature of several modes normal. Its formulas stand at <see cref="RationalQuadraticSpline"/>.
/// </summary>
internal sealed class RationalQuadraticSplineModule : FlowStepModule
{
    /// <summary>The first and the last knot are at this distance from 0 at both sides, in x and in y.</summary>
    public const double Bound = 5;

    /// <summary>No bin is narrower or lower than this share of all.</summary>
    private const double Least = 1e-3;

    private static readonly Scalar s_half = 0.5.ToScalar(), s_one = 1.0.ToScalar(), s_two = 2.0.ToScalar(), s_four = 4.0.ToScalar();
    private static readonly Scalar s_minusOne = (-1.0).ToScalar();
    private static readonly Scalar s_range = (2 * Bound).ToScalar(), s_lowest = (-Bound).ToScalar(), s_least = Least.ToScalar();
    private static readonly Scalar s_wholeOne = 1L.ToScalar();

    private readonly TorchSharp.Modules.Parameter rawWidths; // [features, bins], by a softmax
    private readonly TorchSharp.Modules.Parameter rawHeights; // the same
    private readonly TorchSharp.Modules.Parameter logSlopes; // [features, bins + 1], of inner knots relative to the bins beside them
    private readonly Tensor offsets; // of each feature's first bin, [features]
    private readonly Scalar _share;
    private readonly int _features, _bins;

    /// <summary>A fresh step, the identity.</summary>
    /// <param name="features">The number of values in a row.</param>
    /// <param name="bins">Bins of each.</param>
    public RationalQuadraticSplineModule(int features, int bins) : base(nameof(RationalQuadraticSplineModule))
    {
        (_features, _bins) = (features, bins);
        _share = (1 - Least * bins).ToScalar();
        rawWidths = new TorchSharp.Modules.Parameter(zeros([features, bins], dtype: ScalarType.Float32, device: CPU));
        rawHeights = new TorchSharp.Modules.Parameter(zeros([features, bins], dtype: ScalarType.Float32, device: CPU));
        logSlopes = new TorchSharp.Modules.Parameter(zeros([features, bins + 1], dtype: ScalarType.Float32, device: CPU));
        offsets = tensor(Enumerable.Range(0, features).Select(i => (long)i * bins).ToArray(), dtype: ScalarType.Int64, device: CPU);
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        (Tensor widths, Tensor xs) = Bins(rawWidths);
        (Tensor heights, Tensor ys) = Bins(rawHeights);
        Tensor held = Hold(x, xs), index = Index(held, xs);
        Tensor u = (held - At(First(xs), index)) / At(widths, index);
        (Tensor y, Tensor slope) = Evaluate(u, index, widths, heights, ys, Slopes(widths, heights));
        return (((x - held) * slope).Plus(y), slope.log().sum(1));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        (Tensor widths, Tensor xs) = Bins(rawWidths);
        (Tensor heights, Tensor ys) = Bins(rawHeights);
        Tensor held = Hold(y, ys), index = Index(held, ys);
        Tensor h = At(heights, index), s = h / At(widths, index), v = held - At(First(ys), index);
        Tensor slopes = Slopes(widths, heights);
        (Tensor left, Tensor right) = Beside(slopes, index);
        Tensor ve = (left.Plus(right) - s.mul(s_two)) * v;
        Tensor a = (h * (s - left)).Plus(ve), b = h * left - ve, c = (s * v).mul(s_minusOne);
        Tensor u = c.mul(s_two) / b.Plus((b * b - (a * c).mul(s_four)).relu().sqrt()).mul(s_minusOne);
        (_, Tensor slope) = Evaluate(u, index, widths, heights, ys, slopes);
        return At(First(xs), index).Plus(u * At(widths, index)).Plus((y - held) / slope);
    }

    public override FlowStep Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor widths = Bins(rawWidths).Sizes, heights = Bins(rawHeights).Sizes;
        return new RationalQuadraticSpline(_features, [-(float)Bound, -(float)Bound], FloatTensors.Values(widths),
            FloatTensors.Values(heights), FloatTensors.Values(Slopes(widths, heights)));
    }

    /// <summary>The sizes of bins, [features, bins], and their knots, [features, bins + 1].</summary>
    private (Tensor Sizes, Tensor Knots) Bins(Tensor raw)
    {
        Tensor sizes = raw.softmax(1).mul(_share).Plus(s_least).mul(s_range);
        Tensor upper = sizes.cumsum(1).Plus(s_lowest);
        return (sizes, cat([upper.narrow(1, 0, 1) - sizes.narrow(1, 0, 1), upper], 1));
    }

    private (Tensor Y, Tensor Slope) Evaluate(Tensor u, Tensor index, Tensor widths, Tensor heights, Tensor ys, Tensor slopes)
    {
        Tensor h = At(heights, index), s = h / At(widths, index);
        (Tensor left, Tensor right) = Beside(slopes, index);
        Tensor rest = u.mul(s_minusOne).Plus(s_one), both = u * rest;
        Tensor q = s.Plus((left.Plus(right) - s.mul(s_two)) * both);
        Tensor y = At(First(ys), index).Plus(h * (s * u * u).Plus(left * both) / q);
        Tensor mean = (right * u * u).Plus((s * both).mul(s_two)).Plus(left * rest * rest), ratio = s / q;
        return (y, ratio * ratio * mean);
    }

    /// <summary>
    /// The slopes at the knots, [features, bins + 1]: those within as the bins beside them have them in the geometric mean, times what is
    /// learned. Between two modes no row teaches a knot anything; a slope of its own would stay 1 there, and with it the value of the knot
    /// likely.
    /// </summary>
    private Tensor Slopes(Tensor widths, Tensor heights)
    {
        Tensor logs = (heights / widths).log();
        Tensor beside = logs.narrow(1, 0, _bins - 1).Plus(logs.narrow(1, 1, _bins - 1)).mul(s_half);
        return cat([logSlopes.narrow(1, 0, 1), logSlopes.narrow(1, 1, _bins - 1).Plus(beside), logSlopes.narrow(1, _bins, 1)], 1).exp();
    }

    private (Tensor Left, Tensor Right) Beside(Tensor slopes, Tensor index)
        => (At(First(slopes), index), At(slopes.narrow(1, 1, _bins), index));

    private Tensor First(Tensor perKnot) => perKnot.narrow(1, 0, _bins);

    private Tensor Hold(Tensor values, Tensor knots)
        => minimum(maximum(values, knots.narrow(1, 0, 1).squeeze(1)), knots.narrow(1, _bins, 1).squeeze(1));

    /// <summary>Where each value's bin stands among those of all features, flat.</summary>
    private Tensor Index(Tensor held, Tensor knots)
        => held.unsqueeze(2).ge(knots.narrow(1, 1, _bins - 1)).sum(2).add(offsets, s_wholeOne).flatten();

    private Tensor At(Tensor perBin, Tensor index) => perBin.flatten().index_select(0, index).reshape(-1, _features);
}
