using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// Levels of pixels to the whole real line (paper, section 4.1): y = log(p / (1 - p)), p = a + (1 - 2 a) x, x in [0, 1) the share of the k levels. The noise of
/// one level's width is drawn by the training loop; evaluation sees the bins' centres.
/// </summary>
internal sealed class Logit : FlowStepModule
{
    private const double Edge = Frozen.Logit.Edge;

    private readonly Frozen.Logit _facts;

    public Logit(int levels, float levelWidth, float alpha = (float)Frozen.Logit.StandardAlpha) : base(nameof(Logit))
        => _facts = new Frozen.Logit(levels, levelWidth, alpha);

    public override (Tensor Output, Tensor LogDet) forward(Tensor x)
    {
        Tensor p = x * _facts.Slope + _facts.Intercept;
        Tensor inside = p.clamp(Edge, 1 - Edge);
        Tensor logP = inside.log(), logQ = (1 - inside).log();
        Tensor line = (p - inside) / (Edge * (1 - Edge));
        return (logP - logQ + line, Math.Log(_facts.Slope) * x[0].numel() - (logP + logQ).sum([1, 2, 3]));
    }

    public override Tensor Inverse(Tensor y)
    {
        double bound = Math.Log((1 - Edge) / Edge);
        Tensor inside = y.clamp(-bound, bound);
        return (inside.sigmoid() + (y - inside) * (Edge * (1 - Edge)) - _facts.Intercept) / _facts.Slope;
    }

    public override Frozen.FlowStep Freeze() => _facts;
}
