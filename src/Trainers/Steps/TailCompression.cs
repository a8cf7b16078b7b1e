using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>The identity within +-bound, logarithmic beyond: extreme rows neither dominate training nor overflow.</summary>
internal sealed class TailCompression(double bound) : FlowStepModule(nameof(TailCompression))
{
    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        Tensor excess = (x.abs().clamp(min: bound) / bound).log();
        return (x.clamp(-bound, bound) + x.sign() * excess * bound, -excess.sum(1));
    }

    public override Tensor Inverse(Tensor y) => y.clamp(-bound, bound) * ((y.abs() / bound - 1).clamp(min: 0)).exp();

    public override Frozen.FlowStep Freeze() => new Frozen.TailCompression((float)bound);
}
