using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>The tail of a latent's distribution, see <see cref="LatentMixture"/>.</summary>
internal sealed class LatentTail
{
    private readonly Scalar _constant, _power, _perValue;

    /// <summary>A tail of D values.</summary>
    public LatentTail(int features, double weight)
    {
        Weight = weight;
        (_constant, _power) = (LatentMixture.LogOfTail(features, weight).ToScalar(), (-0.5 * (features + 1)).ToScalar());
        _perValue = (1.0 / features).ToScalar();
    }

    /// <summary>Its weight.</summary>
    public double Weight { get; }

    /// <summary>The logarithm of the sum of a density and of the tail's, [n].</summary>
    /// <param name="rest">The logarithm of the density.</param>
    /// <param name="squares">|z|^2.</param>
    public Tensor Beside(Tensor rest, Tensor squares)
        => logaddexp(rest, ((squares * _perValue).log1p() * _power).Plus(_constant));
}
