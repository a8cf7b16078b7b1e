using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Many features and few rows: the flow starts as a Gaussian, and its likelihood is that of one.</summary>
public sealed class WhiteningTests
{
    private const int Features = 130;

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_flow_over_many_features_is_a_Gaussian_with_correlations_that_are_shrunk()
    {
        float[][] rows = [.. Factors(260, seed: 2)], others = [.. Factors(40, seed: 3)];
        // no validation rows: the flow of the last step is kept, and none is taken
        using RealNvpTransformer flow = Fit(rows,
            new() { Steps = 1, LearningRate = 1e-9, ValidationFraction = 0, CalibrationFraction = 0 });
        IReadOnlyDictionary<string, string> told = flow.Model.Metadata.Training;
        double share = double.Parse(told["whitening_shrinkage"], System.Globalization.CultureInfo.InvariantCulture);
        double power = double.Parse(told["whitening_power"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(share, 0.02, 0.7);
        Assert.Equal("2", told["couplings"]);
        Assert.Equal(2, flow.Model.Members[0].OfType<AffineCoupling>().Count());
        double[] expected = Gaussian(rows, others, share, power), independent = Gaussian(rows, others, 1, 1);
        float[] found = [.. flow.Transform(Tables.Load(_ml, others)).GetColumn<float>("LogLikelihood")];
        for (int i = 0; i < found.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-3 * Math.Abs(expected[i]));
        Assert.True(expected.Average() > independent.Average() + 10);
        // about the best share for rows that nobody has seen
        Assert.All(new[] { share / 4, Math.Min(1, 4 * share) }, other
            => Assert.True(Gaussian(rows, others, other, power).Average() < expected.Average() + 1));
    }

    [Fact]
    public void Couplings_that_do_not_help_are_left_out_and_few_features_are_as_they_were()
    {
        float[][] rows = [.. Factors(240, seed: 4)];
        using RealNvpTransformer flow = Fit(rows, new() { Noise = 5 }); // which teaches another density than that of the rows
        Assert.Equal("200", flow.Model.Metadata.Training["steps"]); // four evaluations
        using RealNvpTransformer few = Fit([.. rows.Select(row => row[..20])], new() { Steps = 2 }),
            off = Fit(rows, new() { Steps = 2, Table = new() { Whitening = false, Couplings = 3 } }),
            on = Fit([.. rows.Select(row => row[..20])], new() { Steps = 2, Table = new() { Whitening = true } });
        Assert.DoesNotContain("whitening_shrinkage", few.Model.Metadata.Training.Keys);
        Assert.Equal(8, few.Model.Members[0].OfType<AffineCoupling>().Count());
        Assert.Equal((1, 3), Steps(off));
        Assert.Equal((2, 4), Steps(on));

        static (int, int) Steps(RealNvpTransformer flow) => (flow.Model.Members[0].OfType<Standardization>().Count(),
            flow.Model.Members[0].OfType<AffineCoupling>().Count());
    }

    private RealNvpTransformer Fit(float[][] rows, RealNvpTrainer.Options options)
    {
        (options.Seed, options.Threads, options.Contamination) = (1, 1, 0.3);
        return _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Tables.Load(_ml, rows));
    }

    /// <summary>Features that follow from six factors and noise, in scales of their own.</summary>
    private static IEnumerable<float[]> Factors(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            double[] factors = [.. Enumerable.Range(0, 6).Select(_ => Tables.Normal(random))];
            yield return [.. Enumerable.Range(0, Features).Select(j => (float)((1 + j % 5) * (0.6 * Tables.Normal(random) + factors.Select(
                (factor, k) => factor * Math.Sin(1 + j * (k + 2))).Sum()) + j))];
        }
    }

    /// <summary>Log-likelihoods of rows by the mean and the shrunk covariance of others, in double, by a Cholesky factor.</summary>
    private static double[] Gaussian(float[][] train, float[][] rows, double share, double power)
    {
        double[] mean = new double[Features], deviation = new double[Features];
        for (int j = 0; j < Features; j++)
        {
            mean[j] = train.Average(row => (double)row[j]);
            deviation[j] = Math.Sqrt(train.Average(row => (row[j] - mean[j]) * (row[j] - mean[j])));
        }
        double variance = deviation.Average(scale => scale * scale);
        var factor = new double[Features, Features];
        for (int i = 0; i < Features; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double target = i == j ? Math.Pow(variance / (deviation[i] * deviation[i]), 1 - power) : 0;
                double sum = share * target + (1 - share) * train.Average(row
                    => (row[i] - mean[i]) / deviation[i] * ((row[j] - mean[j]) / deviation[j]));
                for (int k = 0; k < j; k++)
                    sum -= factor[i, k] * factor[j, k];
                factor[i, j] = i == j ? Math.Sqrt(sum) : sum / factor[j, j];
            }
        }
        return Array.ConvertAll(rows, row =>
        {
            var white = new double[Features];
            double sum = -0.5 * Features * Math.Log(2 * Math.PI);
            for (int i = 0; i < Features; i++)
            {
                white[i] = (row[i] - mean[i]) / deviation[i];
                for (int k = 0; k < i; k++)
                    white[i] -= factor[i, k] * white[k];
                white[i] /= factor[i, i];
                sum -= 0.5 * white[i] * white[i] + Math.Log(factor[i, i]) + Math.Log(deviation[i]);
            }
            return sum;
        });
    }
}
