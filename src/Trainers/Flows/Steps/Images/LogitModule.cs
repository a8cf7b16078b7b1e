using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// Levels of pixels to the whole real line (paper, section 4.1): y = log(p / (1 - p)), p = a + (1 - 2 a) x, x in [0, 1) the share of the k
/// levels. The noise of one level's width is drawn by the training loop; evaluation sees the bins' centres.
/// </summary>
internal sealed class LogitModule : FlowStepModule
{
    private const double Edge = Logit.Edge;

    private static readonly long[] s_axes = [1, 2, 3]; // all of an image
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_low = Edge.ToScalar();
    private static readonly Scalar s_high = (1 - Edge).ToScalar();
    private static readonly Scalar s_slopeOfLine = (Edge * (1 - Edge)).ToScalar(); // dp/dy beyond the edges
    private static readonly Scalar s_bound = Math.Log((1 - Edge) / Edge).ToScalar(); // the logit of the upper edge
    private static readonly Scalar s_minusBound = (-Math.Log((1 - Edge) / Edge)).ToScalar();

    private readonly Logit _facts;
    private readonly Scalar _slope;
    private readonly Scalar _intercept;
    private readonly Scalar _logSlope;

    public LogitModule(int levels, float levelWidth, float alpha = (float)Logit.StandardAlpha) : base(nameof(LogitModule))
    {
        _facts = new Logit(levels, levelWidth, alpha);
        (_slope, _intercept, _logSlope) = (_facts.Slope.ToScalar(), _facts.Intercept.ToScalar(), Math.Log(_facts.Slope).ToScalar());
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        ScalarType precision = x.dtype;
        if (!training)
            x = x.to(ScalarType.Float64); // as the graph does, see there
        Tensor p = (x * _slope).Plus(_intercept);
        Tensor inside = p.clamp(s_low, s_high);
        Tensor logP = inside.log(), logQ = inside.neg().Plus(s_one).log();
        Tensor line = (p - inside) / s_slopeOfLine;
        return ((logP - logQ).Plus(line).to(precision), (logP.neg().Plus(_logSlope) - logQ).sum(s_axes).to(precision));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
    {
        Tensor inside = y.clamp(s_minusBound, s_bound);
        return (inside.sigmoid().Plus((y - inside) * s_slopeOfLine) - _intercept) / _slope;
    }

    public override FlowStep Freeze() => _facts;
}
