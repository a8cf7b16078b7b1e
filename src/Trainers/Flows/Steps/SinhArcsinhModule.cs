using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// y = sinh(d asinh(x) + e) per feature with a learned tail weight d > 0 and skewness e (Jones and Pewsey 2009): what makes a skewed or
/// heavy-tailed feature normal, and near the origin and for d = 1, e = 0, the start, the identity.
/// </summary>
internal sealed class SinhArcsinhModule : FlowStepModule
{
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_mostInput = SinhArcsinh.MostInput.ToScalar(), s_leastInput = (-SinhArcsinh.MostInput).ToScalar();
    private static readonly Scalar s_most = SinhArcsinh.MostArgument.ToScalar(), s_least = (-SinhArcsinh.MostArgument).ToScalar();

    private readonly TorchSharp.Modules.Parameter logTail;
    private readonly TorchSharp.Modules.Parameter skew;

    /// <summary>A fresh step, the identity.</summary>
    public SinhArcsinhModule(int features) : base(nameof(SinhArcsinhModule))
    {
        logTail = new TorchSharp.Modules.Parameter(zeros(features, dtype: ScalarType.Float32, device: CPU));
        skew = new TorchSharp.Modules.Parameter(zeros(features, dtype: ScalarType.Float32, device: CPU));
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        Tensor from = x.clamp(s_leastInput, s_mostInput).asinh();
        Tensor u = addcmul(skew, from, logTail.exp(), s_one).clamp(s_least, s_most);
        // d/dx = d cosh(u) / sqrt(1 + x^2), and sqrt(1 + x^2) = cosh(asinh(x))
        return (u.sinh(), (LogCosh(u) - LogCosh(from)).sum(1).Plus(logTail.sum()));
    }

    /// <summary>log cosh x + log 2.</summary>
    private static Tensor LogCosh(Tensor x) => logaddexp(x, -x);

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => ((y.asinh() - skew) * (-logTail).exp()).sinh();

    public override FlowStep Freeze()
    {
        using Tensor tail = logTail.exp();
        return new SinhArcsinh(FloatTensors.Values(tail), FloatTensors.Values(skew));
    }
}
