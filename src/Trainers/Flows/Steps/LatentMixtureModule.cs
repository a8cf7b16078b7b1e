using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// The latent's distribution where it is a mixture of Gaussians, not the standard normal: values pass, and the term is log q(z) - log N(z;
/// 0, I). With numbers that are given, not trained; see <see cref="LatentMixture"/>.
/// </summary>
internal sealed class LatentMixtureModule : FlowStepModule
{
    private static readonly Scalar s_half = 0.5.ToScalar(), s_minusHalf = (-0.5).ToScalar();

    // registered buffers: they move and convert with the module
    private readonly Tensor weights; // [K]
    private readonly Tensor means; // [K, D]
    private readonly Tensor deviations; // [K, D]

    public LatentMixtureModule(LatentMixture frozen) : base(nameof(LatentMixtureModule))
    {
        long[] shape = [frozen.Weights.Length, frozen.Features];
        weights = FloatTensors.Of(frozen.Weights);
        means = LastingTensor.Of(() => FloatTensors.Of(frozen.Means).reshape(shape));
        deviations = LastingTensor.Of(() => FloatTensors.Of(frozen.Deviations).reshape(shape));
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        Tensor precisions = (deviations * deviations).reciprocal(), scaled = means * precisions;
        Tensor constants = weights.log() - deviations.log().sum(1) - (scaled * means).sum(1) * s_half;
        Tensor exponents = ((x * x).matmul((precisions - ones_like(precisions)).t()) * s_minusHalf)
            .Plus(x.matmul(scaled.t())).Plus(constants);
        Tensor normal = ones_like(weights.sum()) - weights.sum();
        return (x, exponents.exp().sum(1).Plus(normal).log());
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => y;

    public override FlowStep Freeze()
        => new LatentMixture(FloatTensors.Values(weights), FloatTensors.Values(means), FloatTensors.Values(deviations));
}
