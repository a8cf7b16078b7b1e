using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// The latent's distribution where it is a mixture, not the standard normal: values pass, and <see cref="LogDensity"/> takes the place of
/// the normal's. With numbers that are given, not trained; see <see cref="LatentMixture"/>.
/// </summary>
internal sealed class LatentMixtureModule : FlowStepModule
{
    private static readonly Scalar s_half = 0.5.ToScalar(), s_minusHalf = (-0.5).ToScalar();

    private static readonly Scalar s_most = LatentMixture.OutOfReach.ToScalar(), s_least = (-LatentMixture.OutOfReach).ToScalar();

    // registered buffers: they move and convert with the module
    private readonly Tensor weights; // [K]
    private readonly Tensor means; // [K, D]
    private readonly Tensor deviations; // [K, D]
    private readonly LatentMixture _frozen;
    private readonly Scalar _logNormaliser, _normalWeight;
    private readonly LatentTail? _tail;

    public LatentMixtureModule(LatentMixture frozen) : base(nameof(LatentMixtureModule))
    {
        _frozen = frozen;
        _logNormaliser = (0.5 * frozen.Features * Math.Log(2 * Math.PI)).ToScalar();
        _normalWeight = frozen.NormalWeight.ToScalar();
        _tail = frozen.TailWeight > 0 ? new(frozen.Features, frozen.TailWeight) : null;
        long[] shape = [frozen.Weights.Length, frozen.Features];
        weights = FloatTensors.Of(frozen.Weights);
        means = LastingTensor.Of(() => FloatTensors.Of(frozen.Means).reshape(shape));
        deviations = LastingTensor.Of(() => FloatTensors.Of(frozen.Deviations).reshape(shape));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override bool KeepsVolume => true;

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
        => (x, zeros(x.shape[0], dtype: x.dtype, device: x.device));

    /// <summary>log q(z) of latents [n, D]: [n].</summary>
    public Tensor LogDensity(Tensor z)
    {
        Tensor precisions = (deviations * deviations).reciprocal(), scaled = means * precisions;
        Tensor constants = weights.log() - deviations.log().sum(1) - (scaled * means).sum(1) * s_half;
        Tensor near = z.clamp(s_least, s_most), powers = near * near;
        Tensor exponents = (powers.matmul((precisions - ones_like(precisions)).t()) * s_minusHalf)
            .Plus(near.matmul(scaled.t())).Plus(constants);
        Tensor wide = z.to(ScalarType.Float64), squares = (wide * wide).sum(1); // as in the graph
        Tensor rest = (squares * s_minusHalf - _logNormaliser).Plus(exponents.exp().sum(1).Plus(_normalWeight).log());
        return (_tail?.Beside(rest, squares) ?? rest).to(z.dtype);
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y;

    public override FlowStep Freeze() => _frozen;
}
