using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>
/// Latents by row, as the model has them distributed: standard normal, or a mixture of Gaussians where a member ends in a
/// <see cref="LatentMixture"/>.
/// </summary>
internal sealed class LatentNoise
{
    private readonly GaussianNoise _noise;
    private readonly (LatentMixture Mixture, double[] UpTo)?[] _mixtures; // of each member, with running sums of the weights

    /// <summary>Latents of a model from a seed.</summary>
    public LatentNoise(FlowModel model, int seed) : this(model, new GaussianNoise(seed)) { }

    /// <summary>Latents of a model from noise.</summary>
    public LatentNoise(FlowModel model, GaussianNoise noise)
    {
        _noise = noise;
        _mixtures = [.. model.Members.Select(steps => steps.LastOrDefault() is LatentMixture { Weights.IsEmpty: false } mixture
            ? (mixture, Sums(mixture)) : ((LatentMixture, double[])?)null)];
    }

    /// <summary>Writes the latent of one row; the member that it is of, each as likely.</summary>
    public int Fill(long row, Span<float> latent)
    {
        _noise.Fill(row, latent);
        int member = _mixtures.Length == 1 ? 0 : _noise.Pick(row, _mixtures.Length);
        if (_mixtures[member] is not var (mixture, sums))
            return member;
        int component = Array.BinarySearch(sums, _noise.Chance(row));
        component = component < 0 ? ~component : component;
        if (component < sums.Length) // what is left is the standard normal's
        {
            ReadOnlySpan<float> means = mixture.ComponentMeans(component), deviations = mixture.ComponentDeviations(component);
            for (int j = 0; j < latent.Length; j++)
                latent[j] = means[j] + deviations[j] * latent[j];
        }
        return member;
    }

    private static double[] Sums(LatentMixture mixture)
    {
        double sum = 0;
        return [.. mixture.Weights.Select(weight => sum += weight)];
    }
}
