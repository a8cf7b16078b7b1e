using RealNvp.ML.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Bench;

/// <summary>What flows over pictures are measured beside, against loops of the papers' formulas.</summary>
public sealed class PictureBaselineTests
{
    [Fact]
    public void Ledoit_Wolf_takes_the_share_of_its_formula()
    {
        const int rows = 30, features = 7;
        float[][] train = [.. Tables.Gaussian(rows, features, seed: 1)];
        double[] mean = [.. Enumerable.Range(0, features).Select(j => train.Average(row => (double)row[j]))];
        double S(int i, int j) => train.Average(row => (row[i] - mean[i]) * (row[j] - mean[j]));
        (int I, int J)[] all = [.. Enumerable.Range(0, features * features).Select(k => (k / features, k % features))];
        double variance = all.Where(at => at.I == at.J).Average(at => S(at.I, at.J));
        double distance = all.Sum(at => Math.Pow(S(at.I, at.J) - (at.I == at.J ? variance : 0), 2));
        double error = train.Average(row => all.Sum(at
            => Math.Pow((row[at.I] - mean[at.I]) * (row[at.J] - mean[at.J]) - S(at.I, at.J), 2))) / rows;
        using DisposeScope scope = NewDisposeScope();
        Tensor centred = tensor(train.SelectMany(row => row.Select((value, j) => value - mean[j])).ToArray(), [rows, features]);
        (Tensor covariance, double share) = ShrunkGaussian.Covariance(centred);
        Assert.Equal(Math.Min(1, error / distance), share, 1e-6);
        Assert.InRange(share, 0.01, 0.99);
        Assert.Equal((1 - share) * S(2, 5), covariance[2, 5].item<double>(), 1e-6);
        // the distance is that of the inverse
        Tensor difference = tensor(train[3].Select((value, j) => value - mean[j]).ToArray());
        Assert.Equal(difference.matmul(linalg.inv(covariance)).matmul(difference).item<double>(),
            ShrunkGaussian.Scores(train, [train[3]])[0], 1e-3);
    }

    [Fact]
    public void PaDiM_has_a_Gaussian_at_each_position()
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new Generator(1);
        Tensor maps = randn([20, 3, 4], generator: random, dtype: ScalarType.Float64), test = randn([2, 3, 4], generator: random,
            dtype: ScalarType.Float64);
        using var gaussians = new PositionGaussians(maps);
        Tensor found = gaussians.Distances(test);
        for (int picture = 0; picture < 2; picture++)
        {
            for (int at = 0; at < 4; at++)
            {
                Tensor rows = maps.select(2, at), mean = rows.mean([0]), centred = rows - mean;
                Tensor covariance = centred.t().mm(centred) / 19 + 0.01 * eye(3, dtype: ScalarType.Float64);
                Tensor difference = test[picture].select(1, at) - mean;
                Assert.Equal(difference.matmul(linalg.inv(covariance)).matmul(difference).sqrt().item<double>(),
                    found[picture, at].item<double>(), 1e-9);
            }
        }
    }

    [Fact]
    public void PatchCores_memory_covers_the_patches_and_gives_the_distance_to_the_nearest()
    {
        using DisposeScope scope = NewDisposeScope();
        // pictures of one value each, in two heaps and one far away: three centres are one of each
        float[] levels = [0, 0.01f, 0.02f, 5, 5.01f, 40];
        Tensor maps = stack([.. levels.Select(level => full([2, 3, 3], level))]);
        using var memory = new PatchMemory(maps, share: 3.0 / 54, most: 3);
        Assert.InRange(memory.Count, 3, 54);
        Tensor test = stack([full([2, 3, 3], 40.5), full([2, 3, 3], 5)]).to(ScalarType.Float32);
        float[][] distances = memory.Distances(test);
        Assert.All(distances[0], distance => Assert.Equal(0.5 * Math.Sqrt(2), distance, 1e-3));
        Assert.All(distances[1], distance => Assert.InRange(distance, 0, 0.02));
        // a patch is the mean of the positions around it that there are
        Tensor spot = zeros(1, 1, 3, 3);
        spot[0, 0, 0, 0] = 1;
        using var flat = new PatchMemory(zeros(1, 1, 3, 3));
        Assert.Equal([0.25, 1 / 6.0, 0, 1 / 6.0, 1 / 9.0, 0, 0, 0, 0], flat.Distances(spot)[0].Select(distance => (double)distance),
            (a, b) => Math.Abs(a - b) < 1e-5);
    }
}
