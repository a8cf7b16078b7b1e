using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// Carries the widths of the bins of discrete features. The noise itself is drawn by the training loop; evaluation sees the bins' centres,
/// so that the step is the identity.
/// </summary>
internal sealed class DequantizationModule : FlowStepModule
{
    private readonly Tensor widths;

    public DequantizationModule(IEnumerable<float> widths) : base(nameof(DequantizationModule))
    {
        this.widths = FloatTensors.Of(widths);
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => (x, NoLogDet(x));

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y;

    public override FlowStep Freeze() => new Dequantization(FloatTensors.Values(widths));
}
