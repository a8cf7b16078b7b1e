using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// A learned linear map of all features, y = W x, with W = P L (U + diag(sign(s) exp(log|s|))): a fixed permutation P, unit triangular L,
/// strictly triangular U, so that log|det W| = sum log|s| costs nothing (Kingma and Dhariwal 2018, section 3.2). The signs stay what they
/// are at the start: W never crosses a singular matrix.
/// </summary>
internal sealed class InvertibleLinearModule : FlowStepModule
{
    private static readonly Scalar s_one = 1.0.ToScalar();

    private readonly Tensor? permutation; // null for the identity
    private readonly Tensor signs;
    private readonly Tensor identity;
    private readonly Tensor below; // ones under the diagonal
    private readonly Tensor above; // ones over it
    private readonly TorchSharp.Modules.Parameter lower; // what is on and above the diagonal is not read
    private readonly TorchSharp.Modules.Parameter upper; // what is on and below the diagonal is not read
    private readonly TorchSharp.Modules.Parameter logDiagonal;

    /// <summary>A fresh map.</summary>
    /// <param name="features">The number of values in a row.</param>
    /// <param name="rotation">Draws a random rotation to start from, on the CPU; null starts from the identity.</param>
    public InvertibleLinearModule(int features, Generator? rotation = null) : base(nameof(InvertibleLinearModule))
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor start = rotation is null
            ? eye(features, dtype: ScalarType.Float64, device: CPU)
            : linalg.qr(randn([features, features], dtype: ScalarType.Float64, device: CPU, generator: rotation)).Q;
        (Tensor p, Tensor l, Tensor u) = linalg.lu(start);
        Tensor diagonal = u.diagonal();
        Tensor Kept(Tensor tensor) => tensor.to(ScalarType.Float32).clone().DetachFromDisposeScope();
        if (rotation is not null)
            permutation = Kept(p);
        signs = Kept(diagonal.sign());
        identity = Kept(eye(features, dtype: ScalarType.Float32, device: CPU));
        below = Kept(ones_like(start).tril(-1));
        above = Kept(ones_like(start).triu(1));
        lower = new TorchSharp.Modules.Parameter(Kept(l.tril(-1)));
        upper = new TorchSharp.Modules.Parameter(Kept(u.triu(1)));
        logDiagonal = new TorchSharp.Modules.Parameter(Kept(diagonal.abs().log()));
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
        => (x.matmul(Matrix().t()), logDiagonal.sum());

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y.matmul(linalg.inv(Matrix()).t());

    public override FlowStep Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        return new InvertibleLinear((int)logDiagonal.shape[0], FloatTensors.Values(Matrix(ScalarType.Float64)));
    }

    /// <summary>W, [features, features], in the parameters' precision unless another is asked for.</summary>
    private Tensor Matrix(ScalarType? precision = null)
    {
        Tensor In(Tensor tensor) => precision is { } type ? tensor.to(type) : tensor;
        Tensor left = addcmul(In(identity), In(lower), In(below), s_one);
        Tensor right = addcmul((In(logDiagonal).exp() * In(signs)).diag(), In(upper), In(above), s_one);
        Tensor product = left.matmul(right);
        return permutation is null ? product : In(permutation).matmul(product);
    }
}
