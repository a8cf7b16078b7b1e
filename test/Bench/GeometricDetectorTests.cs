using System.Globalization;
using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Anomaly;
using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Bench;

/// <summary>The rivals that the anomaly benchmark fits itself: by hand, and beside scikit-learn's figures.</summary>
public sealed class GeometricDetectorTests
{
    private static readonly float[][] s_train = [[0, 0], [2, 0], [0, 2], [2, 2], [0, 0], [2, 2], [4, 2]];

    [Fact]
    public void Neighbours_are_those_of_a_search_by_sorting()
    {
        var random = new Random(1);
        float[][] Rows(int count) => [.. Enumerable.Range(0, count)
            .Select(_ => new[] { (float)Tables.Normal(random), 1e4f + (float)Tables.Normal(random) })];
        float[][] train = Rows(300), test = Rows(50), before = Rows(60);
        new NeighboursDetector("kNN", takesMean: false).Run(before, test, 1); // is not taken for those of other rows
        (double Mean, double Deviation)[] scales = [.. Enumerable.Range(0, 2).Select(j =>
        {
            double mean = train.Average(row => (double)row[j]);
            return (mean, Math.Sqrt(train.Average(row => Math.Pow(row[j] - mean, 2))));
        })];
        double Distance(float[] a, float[] b)
            => Math.Sqrt(scales.Select((scale, j) => Math.Pow((a[j] - (double)b[j]) / scale.Deviation, 2)).Sum());
        double[][] sorted = [.. test.Select(row => train.Select(other => Distance(row, other)).Order().Take(5).ToArray())];
        Assert.All(new NeighboursDetector("kNN", takesMean: false).Run(train, test, 1).Scores.Zip(sorted), pair
            => Assert.Equal(pair.Second[4], pair.First, 1e-3));
        Assert.All(new NeighboursDetector("DTE-NP", takesMean: true).Run(train, test, 1).Scores.Zip(sorted),
            pair => Assert.Equal(pair.Second.Average(), pair.First, 1e-3));
    }

    [Fact]
    public void Deviations_and_Mahalanobis_distances_are_those_by_hand()
    {
        // means 10/7 and 8/7; variances 96/49 and 48/49; covariance 1/7 (0 + ... ) - 80/49
        float[][] test = [[4, 0], [10 / 7f, 8 / 7f]];
        double vx = s_train.Average(row => Math.Pow(row[0] - 10 / 7.0, 2)), vy = s_train.Average(row => Math.Pow(row[1] - 8 / 7.0, 2));
        double c = s_train.Average(row => (row[0] - 10 / 7.0) * (row[1] - 8 / 7.0)), dx = 4 - 10 / 7.0, dy = -8 / 7.0;
        float[] largest = new LargestDeviationDetector().Run(s_train, test, 1).Scores,
            distances = new GaussianDetector().Run(s_train, test, 1).Scores;
        Assert.Equal(Math.Max(dx / Math.Sqrt(vx), -dy / Math.Sqrt(vy)), largest[0], 1e-5);
        Assert.Equal(Math.Sqrt((vy * dx * dx - 2 * c * dx * dy + vx * dy * dy) / (vx * vy - c * c)), distances[0], 1e-5);
        Assert.Equal(0, largest[1], 1e-5);
        Assert.Equal(0, distances[1], 1e-4);
    }

    [Fact]
    public void A_column_that_is_constant_or_a_copy_of_another_does_no_harm()
    {
        float[][] Widened(float[][] rows) => Array.ConvertAll(rows, row => new[] { row[0], row[1], 7, row[0] });
        float[][] test = [[4, 0], [1, 1]];
        float[] plain = new GaussianDetector().Run(s_train, test, 1).Scores,
            wide = new GaussianDetector().Run(Widened(s_train), Widened(test), 1).Scores;
        Assert.All(plain.Zip(wide), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
    }

    [Theory, InlineData("odd-001"), InlineData("odd-017"), InlineData("odd-080")]
    public void They_rank_as_scikit_learn_does(string set)
    {
        string folder = Path.Combine(Repository.Root, "..", "shared", "data", "oddbench");
        Assert.SkipUnless(Directory.Exists(folder), "../shared/data/oddbench is not there.");
        var data = new DataFolder(folder, "fixed");
        DataSet rows = data.ReadSet(set);
        Split split = data.ReadSplits(set, 1)[0];
        foreach ((Detector detector, string name) in new (Detector, string)[]
        {
            (new NeighboursDetector("kNN", takesMean: false), "kNN"), (new NeighboursDetector("DTE-NP", takesMean: true), "DTE-NP"),
            (new GaussianDetector(), "PCA"), (new LargestDeviationDetector(), "max|z|"),
        })
        {
            float[] scores = detector.Run(rows.Gather(split.Train), rows.Gather(split.Test), 1).Scores;
            double found = 100 * RankMetrics.Auroc(scores, rows.Anomalies(split.Test));
            Assert.True(data.Published.Value("AUROC", name, set) is { } expected && Math.Abs(expected - found) < 0.05,
                string.Create(CultureInfo.InvariantCulture, $"{name}: {found:F2}, published "
                    + $"{data.Published.Value("AUROC", name, set):F2}"));
        }
    }
}
