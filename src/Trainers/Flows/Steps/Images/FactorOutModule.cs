using RealNvp.ML.Export.Steps;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Images;

/// <summary>
/// Says where the flow factors out half of the variables (paper, section 3.6): the second half of the channels becomes latent as it is, the
/// first goes on to the next scale. That is the flow's own doing, by <see cref="Split"/> and <see cref="Join"/>: the step is the identity.
/// </summary>
internal sealed class FactorOutModule() : FlowStepModule(nameof(FactorOutModule))
{
    public override bool KeepsVolume => true;

    public override FlowStep Reshaping => Freeze();

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => (x, NoLogDet(x));

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y;

    public override FlowStep Freeze() => new FactorOut();

    /// <summary>The half of the channels that stays, and the one that leaves.</summary>
    public static (Tensor Kept, Tensor FactoredOut) Split(Tensor x)
    {
        Tensor[] halves = x.chunk(2, 1);
        return (halves[0], halves[1]);
    }

    /// <summary>The two halves together again.</summary>
    public static Tensor Join(Tensor kept, Tensor factoredOut) => cat([kept, factoredOut], 1);
}
