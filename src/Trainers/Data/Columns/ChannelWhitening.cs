using RealNvp.ML.Trainers.Data.Rows;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// The linear map after which the standardised channels of continuous maps have, over all positions, the identity as their covariance: the
/// principal axes, each scaled by its deviation. The covariance is shrunk towards a multiple of the identity by the rule of Ledoit and Wolf
/// (2004, "A well-conditioned estimator for large-dimensional covariance matrices"), with what the noise of training adds to it.
/// </summary>
internal static class ChannelWhitening
{
    /// <summary>Positions that it is told from: more add nothing, for they are alike within a map.</summary>
    private const int MostPositions = 32_768;

    /// <summary>An axis that varies by less than this share of the mean of all, in variance, counts as that.</summary>
    private const double LeastShare = 1e-6;

    /// <summary>W, [C, C] row-major: axes of large variance first.</summary>
    /// <param name="rows">Maps, planar.</param>
    /// <param name="facts">Their means and deviations.</param>
    /// <param name="channels">C.</param>
    /// <param name="noise">The standard deviation of the noise, in those of the channels.</param>
    /// <param name="seed">Of the positions.</param>
    public static float[] Of(WeightedRows rows, ColumnFacts facts, int channels, double noise, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] positions = Positions(rows, facts, channels, seed);
        Tensor x = tensor(positions, [positions.LongLength / channels, channels], device: CPU);
        double count = x.shape[0];
        using Scalar perCount = (1 / count).ToScalar();
        Tensor covariance = x.t().matmul(x) * perCount;
        double variance = covariance.trace().item<double>() / channels;
        double distance = (covariance * covariance).sum().item<double>() / channels - variance * variance;
        Tensor lengths = (x * x).sum(1);
        double error = ((lengths * lengths).sum().item<double>() / count - (covariance * covariance).sum().item<double>())
            / (count * channels);
        double shrinkage = distance > 0 ? Math.Clamp(error / distance, 0, 1) : 1;
        (Tensor values, Tensor vectors) = linalg.eigh(covariance); // ascending
        double[] variances = [.. values.data<double>().ToArray().Select(value
            => Math.Max((1 - shrinkage) * value + shrinkage * variance, LeastShare * variance) + noise * noise)];
        Tensor scales = tensor(Array.ConvertAll(variances, value => value > 0 ? 1 / Math.Sqrt(value) : 1), [channels, 1], device: CPU);
        return (vectors.t() * scales).flip(0).to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }

    /// <summary>Standardised channels at random positions of all maps, those of a heavy row scaled up, [n, C].</summary>
    private static double[] Positions(WeightedRows rows, ColumnFacts facts, int channels, int seed)
    {
        int all = rows.Features / channels, each = Math.Clamp(MostPositions / rows.Count, 1, all);
        var random = new Random(seed);
        int[] order = [.. Enumerable.Range(0, all)];
        double mean = rows.Weights.Take(rows.Count).Average(weight => (double)weight);
        var values = new double[(long)rows.Count * each * channels];
        long at = 0;
        for (int row = 0; row < rows.Count; row++)
        {
            if (each < all)
                random.Shuffle(order);
            double weight = Math.Sqrt(rows.Weights[row] / mean);
            for (int i = 0; i < each; i++)
            {
                for (int channel = 0; channel < channels; channel++)
                {
                    int feature = channel * all + order[i];
                    values[at++] = weight * (rows.Values[(long)row * rows.Features + feature] - (double)facts.Mean[feature])
                        / facts.StandardDeviation[feature];
                }
            }
        }
        return values;
    }
}
