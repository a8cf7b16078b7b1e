using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>A fixed random rotation of all features, so that a coupling's halves are mixtures of them: y = Q x.</summary>
internal sealed class RotationModule : FlowStepModule
{
    private readonly Tensor matrix;

    public RotationModule(int features, Generator generator) : base(nameof(RotationModule))
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gaussian = randn([features, features], dtype: ScalarType.Float64, device: CPU, generator: generator);
        matrix = linalg.qr(gaussian).Q.to(ScalarType.Float32).DetachFromDisposeScope();
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => (x.matmul(matrix.t()), NoLogDet(x));

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y.matmul(matrix);

    public override FlowStep Freeze() => new Rotation((int)matrix.shape[0], FloatTensors.Values(matrix));
}
