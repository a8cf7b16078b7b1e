using RealNvp.ML.Baselines;

namespace RealNvp.ML.Tests.Bench;

/// <summary>
/// The simple densities beside which image flows are measured, against counts by hand and against the moments of a distribution that is
/// known.
/// </summary>
public sealed class SimpleModelsTests
{
    [Fact]
    public void Histograms_count_every_level_once_more_than_it_occurs()
    {
        float[][] train = [[0, 2], [0, 1], [1, 2]], test = [[0, 2], [2, 0]];
        // of 3 rows + 3 levels: level 0 of the first pixel has (2 + 1) / 6, level 2 of it (0 + 1) / 6, and so on
        double expected = -(Math.Log2(3 / 6.0) + Math.Log2(3 / 6.0) + Math.Log2(1 / 6.0) + Math.Log2(1 / 6.0)) / 2 / 2;
        Assert.Equal(expected, PixelHistograms.BitsPerDimension(train, test, levels: 3), 1e-12);
    }

    [Fact]
    public void The_gaussian_has_the_cross_entropy_that_integrals_over_the_cells_give()
    {
        // two pixels of three levels that go together; the rows hold this distribution exactly, so that only the noise within the cells is
        // random
        int[,] cells = { { 6, 2, 1 }, { 1, 5, 2 }, { 1, 3, 9 } };
        const int levels = 3, repeats = 1000;
        float[][] rows = [.. from a in Enumerable.Range(0, levels) from b in Enumerable.Range(0, levels)
                             from _ in Enumerable.Range(0, repeats * cells[a, b]) select new float[] { a, b }];

        // means over a cell of y, y^2 and log |dy/dx| by the midpoint rule
        var mean = new double[levels];
        var square = new double[levels];
        var jacobian = new double[levels];
        const int points = 20_000;
        for (int k = 0; k < levels; k++)
        {
            for (int i = 0; i < points; i++)
            {
                double p = 0.05 + 0.9 * (k + (i + 0.5) / points) / levels, y = Math.Log(p / (1 - p));
                (mean[k], square[k], jacobian[k]) =
                    (mean[k] + y / points, square[k] + y * y / points, jacobian[k] + Math.Log(0.9 / (p * (1 - p))) / points);
            }
        }
        double total = cells.Cast<int>().Sum(), m0 = 0, m1 = 0, s00 = 0, s11 = 0, s01 = 0, logJacobian = 0;
        for (int a = 0; a < levels; a++)
        {
            for (int b = 0; b < levels; b++)
            {
                double share = cells[a, b] / total;
                m0 += share * mean[a];
                m1 += share * mean[b];
                s00 += share * square[a];
                s11 += share * square[b];
                s01 += share * mean[a] * mean[b];
                logJacobian += share * (jacobian[a] + jacobian[b]);
            }
        }
        double determinant = (s00 - m0 * m0) * (s11 - m1 * m1) - (s01 - m0 * m1) * (s01 - m0 * m1);
        // of its own rows a fitted Gaussian has the mean log-density -(log det S + D log 2 pi + D) / 2
        double logDensity = -0.5 * (Math.Log(determinant) + 2 * Math.Log(2 * Math.PI) + 2) + logJacobian;
        double expected = -(logDensity - 2 * Math.Log(levels)) / (2 * Math.Log(2));

        Assert.Equal(expected, LogitGaussian.BitsPerDimension(rows, rows, levels, draws: 4, seed: 1), 0.003);
    }

    [Fact]
    public void The_gaussian_refuses_rows_too_few_for_a_covariance()
        => Assert.Contains("2 training rows",
        Assert.Throws<ArgumentException>(() => LogitGaussian.BitsPerDimension([[0, 1], [1, 0]], [[0, 1]], 2, 1, 1)).Message,
        StringComparison.Ordinal);
}
