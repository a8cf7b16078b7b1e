using RealNvp.ML.Trainers.Data.Batches;
using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// Carries the widths of the bins of discrete features. The noise itself is drawn by the training loop (<see
/// cref="Data.Batches.TrainingNoise"/>); evaluation sees the bins' centres, so that the step is the identity.
/// </summary>
internal sealed class Dequantization : FlowStepModule
{
    private readonly Tensor widths;

    public Dequantization(IEnumerable<float> widths) : base(nameof(Dequantization))
    {
        this.widths = FloatTensor(widths);
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x) => (x, NoLogDet(x));

    public override Tensor Inverse(Tensor y) => y;

    public override Frozen.FlowStep Freeze() => new Frozen.Dequantization(Values(widths));
}
