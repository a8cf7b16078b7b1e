using System.Collections.Immutable;
using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Measuring;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Filled values against conditional densities that are known in closed form.</summary>
public class ImputationTests
{
    private const float Turn = 0.6f; // of the first two features, by an angle
    private static readonly float[] s_means = [1, -2, 5], s_scales = [2, 0.5f, 1];

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Draws_have_the_conditional_mean_and_covariance_of_a_Gaussian()
    {
        // x = mean + turned (scale z), so that covariance = R diag(scale^2) R'
        using RealNvpTransformer flow = Fit(Gaussian(s_means));
        double[,] c = Covariance();
        const float known = 0.3f; // feature 0; what is missing are 1 and 2
        double deviation = (known - s_means[0]) / c[0, 0];
        double[] mean = [s_means[1] + c[0, 1] * deviation, s_means[2] + c[0, 2] * deviation];
        double[,] covariance =
        {
            { c[1, 1] - c[0, 1] * c[0, 1] / c[0, 0], c[1, 2] - c[0, 1] * c[0, 2] / c[0, 0] },
            { c[1, 2] - c[0, 1] * c[0, 2] / c[0, 0], c[2, 2] - c[0, 2] * c[0, 2] / c[0, 0] },
        };

        const int count = 1500;
        float[][] rows = [.. Enumerable.Range(0, count).Select(_ => new[] { known, float.NaN, float.NaN })];
        float[][] filled = flow.ImputeRows(rows, seed: 3);
        Assert.All(filled, row => Assert.Equal(known, row[0]));
        double[] found = [.. Enumerable.Range(1, 2).Select(j => filled.Average(row => (double)row[j]))];
        for (int j = 0; j < 2; j++)
        {
            Assert.Equal(mean[j], found[j], 5 * Math.Sqrt(covariance[j, j] / count));
            for (int k = 0; k < 2; k++)
            {
                double spread = filled.Average(row => (row[j + 1] - mean[j]) * (row[k + 1] - mean[k]));
                Assert.Equal(covariance[j, k], spread, 0.15 * Math.Sqrt(covariance[j, j] * covariance[k, k]));
            }
        }

        float[] best = flow.ImputeRows(rows[..1], ImputationKind.MostLikely)[0];
        Assert.Equal(mean[0], best[1], 0.01 * Math.Sqrt(covariance[0, 0]));
        Assert.Equal(mean[1], best[2], 0.01 * Math.Sqrt(covariance[1, 1]));
    }

    [Fact]
    public void Draws_come_from_both_members_of_a_mixture_as_often_as_the_known_value_makes_them_likely()
    {
        float[] far = [2.5f, 8, 5]; // the other member's mean
        using RealNvpTransformer flow = Fit(Gaussian(s_means), Gaussian(far));
        double[,] c = Covariance();
        const float known = 1.2f;
        double near = Math.Exp(-(known - s_means[0]) * (known - s_means[0]) / (2 * c[0, 0]));
        double distant = Math.Exp(-(known - far[0]) * (known - far[0]) / (2 * c[0, 0]));
        double share = distant / (near + distant);
        Assert.InRange(share, 0.2, 0.8);

        float[][] rows = [.. Enumerable.Range(0, 600).Select(_ => new[] { known, float.NaN, float.NaN })];
        double found = flow.ImputeRows(rows, seed: 4).Average(row => row[1] > 3 ? 1.0 : 0);
        Assert.Equal(share, found, 5 * Math.Sqrt(share * (1 - share) / rows.Length));
    }

    [Fact]
    public void A_row_depends_on_the_seed_and_its_number_alone_and_what_is_whole_stays()
    {
        using RealNvpTransformer flow = Fit(Gaussian(s_means));
        float[][] rows = [[1, 2, 3], [float.NaN, -2, 5], [float.NaN, float.NaN, float.NaN]];
        float[][] first = flow.ImputeRows(rows, seed: 1);
        Assert.Equal(rows[0], first[0]);
        Assert.All(first, row => Assert.All(row, value => Assert.True(float.IsFinite(value))));
        Assert.True(float.IsNaN(rows[1][0])); // what was given is left alone
        Assert.Equal(first[1], flow.ImputeRows([[0, 0, 0], rows[1]], seed: 1)[1]);
        Assert.NotEqual(first[1], flow.ImputeRows(rows, seed: 2)[1]);
    }

    [Fact]
    public void Wrong_rows_are_refused_with_their_number()
    {
        using RealNvpTransformer flow = Fit(Gaussian(s_means));
        Assert.Contains("Row 1 has 2 values, expected 3",
            Assert.Throws<ArgumentException>(() => flow.ImputeRows([[1, 2, 3], [1, 2]])).Message, StringComparison.Ordinal);
        float[] infinite = [1, float.NaN, float.PositiveInfinity];
        Assert.Contains("Row 0 has an infinite value",
            Assert.Throws<ArgumentException>(() => flow.ImputeRows([infinite])).Message, StringComparison.Ordinal);
        Assert.Contains("no condition",
            Assert.Throws<ArgumentException>(() => flow.ImputeRows([[1, 2, 3]], conditions: [[1]])).Message, StringComparison.Ordinal);
    }

    private RealNvpTransformer Fit(params FlowStep[][] members)
    {
        var model = new FlowModel(FlowShape.Vector(3), members);
        return _ml.Transforms.ApplyRealNvp(model).Fit(_ml.Data.LoadFromEnumerable(Array.Empty<FeatureRow3>()));
    }

    private static FlowStep[] Gaussian(float[] means)
    {
        (float cos, float sin) = (MathF.Cos(Turn), MathF.Sin(Turn));
        // z = Q x / scale, up to the convention of Rotation, which the test of the covariance settles
        ImmutableArray<float> matrix = [cos, sin, 0, -sin, cos, 0, 0, 0, 1];
        float[] turned = [cos * means[0] + sin * means[1], -sin * means[0] + cos * means[1], means[2]];
        return [new Rotation(3, matrix), new Standardization([.. turned], [.. s_scales])];
    }

    private static double[,] Covariance()
    {
        (double cos, double sin) = (Math.Cos(Turn), Math.Sin(Turn));
        double a = s_scales[0] * s_scales[0], b = s_scales[1] * s_scales[1];
        return new[,]
        {
            { cos * cos * a + sin * sin * b, cos * sin * (a - b), 0 },
            { cos * sin * (a - b), sin * sin * a + cos * cos * b, 0 },
            { 0, 0, s_scales[2] * s_scales[2] },
        };
    }

    private sealed class FeatureRow3
    {
        [Microsoft.ML.Data.VectorType(3)]
        public float[] Features { get; set; } = [];
    }
}
