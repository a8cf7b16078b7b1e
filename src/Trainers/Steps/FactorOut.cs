using RealNvp.ML.Export;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// Factors out half of the variables (paper, section 3.6): the second half of the channels becomes latent as it is, the first goes on to the next scale. By
/// itself, with nowhere to put the second half, the step is the identity.
/// </summary>
internal sealed class FactorOut() : FlowStepModule(nameof(FactorOut))
{
    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x) => (x, NoLogDet(x));

    public override Tensor Inverse(Tensor y) => y;

    public override (Tensor Output, Tensor LogDet) Forward(Tensor x, Stack<Tensor> factoredOut)
    {
        Tensor[] halves = x.chunk(2, 1);
        factoredOut.Push(halves[1]);
        return (halves[0], NoLogDet(x));
    }

    public override Tensor Inverse(Tensor y, Stack<Tensor> factoredOut) => cat([y, factoredOut.Pop()], 1);

    public override FlowShape OutputShape(FlowShape input) => Freeze().OutputShape(input);

    public override Frozen.FlowStep Freeze() => new Frozen.FactorOut();
}
