using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>The identity within +-bound, logarithmic beyond: extreme rows neither dominate training nor overflow.</summary>
internal sealed class TailCompression(double bound) : FlowStepModule(nameof(TailCompression))
{
    private static readonly Scalar s_zero = 0.0.ToScalar();
    private static readonly Scalar s_one = 1.0.ToScalar();

    private static readonly Scalar s_most = ((double)float.MaxValue).ToScalar(); // as in the graph: noise on the largest float may be an infinity

    private readonly Scalar _bound = bound.ToScalar();
    private readonly Scalar _minusBound = (-bound).ToScalar();

    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        Tensor excess = (x.abs().clamp(_bound, s_most) / _bound).log();
        return (x.clamp(_minusBound, _bound).Plus(x.sign() * excess * _bound), -excess.sum(1));
    }

    public override Tensor Inverse(Tensor y) => y.clamp(_minusBound, _bound) * (y.abs() / _bound - s_one).clamp(min: s_zero).exp();

    public override Frozen.FlowStep Freeze() => new Frozen.TailCompression((float)bound);
}
