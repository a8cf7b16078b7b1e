using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>The identity within +-bound, logarithmic beyond: extreme rows neither dominate training nor overflow.</summary>
internal sealed class TailCompressionModule(double bound) : FlowStepModule(nameof(TailCompressionModule))
{
    private static readonly Scalar s_zero = 0.0.ToScalar();
    private static readonly Scalar s_one = 1.0.ToScalar();

    // as in the graph: noise on the largest float may be an infinity
    private static readonly Scalar s_most = ((double)float.MaxValue).ToScalar();

    private readonly Scalar _bound = bound.ToScalar();
    private readonly Scalar _minusBound = (-bound).ToScalar();

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        Tensor excess = (x.abs().clamp(_bound, s_most) / _bound).log();
        return (x.clamp(_minusBound, _bound).Plus(x.sign() * excess * _bound), -excess.sum(1));
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null)
        => y.clamp(_minusBound, _bound) * (y.abs() / _bound - s_one).clamp(min: s_zero).exp();

    public override FlowStep Freeze() => new TailCompression((float)bound);
}
