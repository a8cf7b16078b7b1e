using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>A fixed random rotation of all features, so that a coupling's halves are mixtures of them: y = Q x.</summary>
internal sealed class Rotation : FlowStepModule
{
    private readonly Tensor matrix;

    public Rotation(int features, Generator generator) : base(nameof(Rotation))
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gaussian = randn([features, features], dtype: ScalarType.Float64, device: CPU, generator: generator);
        matrix = linalg.qr(gaussian).Q.to(ScalarType.Float32).DetachFromDisposeScope();
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x) => (x.matmul(matrix.t()), NoLogDet(x));

    public override Tensor Inverse(Tensor y) => y.matmul(matrix);

    public override Frozen.FlowStep Freeze() => new Frozen.Rotation((int)matrix.shape[0], Values(matrix));
}
