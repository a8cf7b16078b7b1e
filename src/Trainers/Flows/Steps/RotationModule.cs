using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>A fixed random rotation of all features, so that a coupling's halves are mixtures of them: y = Q x.</summary>
internal sealed class RotationModule : FlowStepModule
{
    private const int ManyFeatures = 512;

    private readonly Tensor matrix;

    public RotationModule(int features, Generator generator) : base(nameof(RotationModule))
    {
        using DisposeScope scope = NewDisposeScope();
        // QR of thousands of features takes seconds: there single precision has to do, which keeps rows orthonormal to 1e-5
        ScalarType type = features > ManyFeatures ? ScalarType.Float32 : ScalarType.Float64;
        Tensor gaussian = randn([features, features], dtype: type, device: CPU, generator: generator);
        matrix = linalg.qr(gaussian).Q.to(ScalarType.Float32).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>A rotation that is known.</summary>
    /// <param name="features">The number of values in a row.</param>
    /// <param name="rows">Q, [features, features], row by row, orthonormal.</param>
    public RotationModule(int features, float[] rows) : base(nameof(RotationModule))
    {
        matrix = LastingTensor.Of(() => tensor(rows, [features, features], dtype: ScalarType.Float32, device: CPU));
        RegisterComponents();
    }

    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null) => (x.matmul(matrix.t()), NoLogDet(x));

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y.matmul(matrix);

    public override FlowStep Freeze() => new Rotation((int)matrix.shape[0], FloatTensors.Values(matrix));
}
