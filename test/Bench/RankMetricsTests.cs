using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Anomaly;

namespace RealNvp.ML.Tests.Bench;

/// <summary>Against cases counted by hand: scores, labels (1 = anomaly), then AUROC and average precision.</summary>
public sealed class RankMetricsTests
{
    public static TheoryData<float[], string, double, double> Cases => new()
    {
        // perfect, and perfectly wrong
        { [4, 3, 2, 1], "1100", 1, 1 },
        { [1, 2, 3, 4], "1100", 0, (1 / 3.0 + 2 / 4.0) / 2 },
        // no ties: of 4 pairs 3 are won; precisions 1/1 and 2/3 at the two anomalies
        { [0.9f, 0.8f, 0.7f, 0.1f], "1010", 3 / 4.0, (1 + 2 / 3.0) / 2 },
        // the documentation example of scikit-learn: 0.75 and 0.8333
        { [0.1f, 0.4f, 0.35f, 0.8f], "0011", 3 / 4.0, (1 + 2 / 3.0) / 2 },
        // all tied: a coin, and the share of anomalies
        { [5, 5, 5, 5], "1000", 1 / 2.0, 1 / 4.0 },
        // ties across kinds: pairs of 3 (wins) + 2 * 0.5 of 6; the anomaly at 3 has precision 1, the one at 2 stands in a step of 1 of 3: 2
        // of 4
        { [3, 2, 2, 2, 1], "11000", (3 + 1 + 1) / 6.0, (1 + 2 / 4.0) / 2 },
        // ties among anomalies only do not matter
        { [2, 2, 1], "110", 1, 1 },
        { [float.PositiveInfinity, 0, float.NegativeInfinity], "101", 1 / 2.0, (1 + 2 / 3.0) / 2 },
    };

    [Theory, MemberData(nameof(Cases))]
    public void Match_counting_by_hand(float[] scores, string labels, double auroc, double precision)
    {
        bool[] anomalies = [.. labels.Select(label => label == '1')];
        Assert.Equal(auroc, RankMetrics.Auroc(scores, anomalies), 1e-12);
        Assert.Equal(precision, RankMetrics.AveragePrecision(scores, anomalies), 1e-12);
    }

    [Theory]
    [InlineData(new float[] { 9, 8, 7, 6, 5, 4 }, "101010", 0.34, 2 / 3.0)] // one false alarm of three is allowed: 8
    [InlineData(new float[] { 9, 8, 7, 6, 5, 4 }, "101010", 0.33, 1 / 3.0)] // none is
    [InlineData(new float[] { 9, 9, 7, 6 }, "1010", 0.4, 0)] // a tie with a normal row flags both
    [InlineData(new float[] { 9, 8, 1, 1 }, "1100", 0, 1)]
    public void Recall_counts_what_lies_above_the_last_threshold_allowed(float[] scores, string labels, double falseAlarms, double expected)
        => Assert.Equal(expected, RankMetrics.Recall(scores, [.. labels.Select(label => label == '1')], falseAlarms), 1e-12);

    [Fact]
    public void Match_their_definitions_on_coarse_scores_in_any_order()
    {
        var random = new Random(Seed: 3);
        bool[] anomalies = [.. Enumerable.Range(0, 200).Select(_ => random.Next(4) == 0)];
        float[] scores = [.. anomalies.Select(anomaly => (float)(random.Next(6) + (anomaly ? random.Next(4) : 0)))];
        var above = scores.Zip(anomalies).Where(row => row.Second).SelectMany(hit => scores.Zip(anomalies).Where(row => !row.Second)
            .Select(miss => hit.First > miss.First ? 1 : hit.First == miss.First ? 0.5 : 0));
        double precision = scores.Zip(anomalies).Where(row => row.Second)
            .Average(hit => (double)scores.Zip(anomalies)
            .Count(row => row.Second && row.First >= hit.First) / scores.Count(score => score >= hit.First));

        Assert.Equal(above.Average(), RankMetrics.Auroc(scores, anomalies), 1e-12);
        Assert.Equal(precision, RankMetrics.AveragePrecision(scores, anomalies), 1e-12);
        Assert.Equal(RankMetrics.AveragePrecision(scores, anomalies),
            RankMetrics.AveragePrecision([.. scores.Reverse()], [.. anomalies.Reverse()]), 1e-12);
    }

    [Fact]
    public void Refuse_what_has_no_rank()
    {
        Assert.Throws<ArgumentException>(() => RankMetrics.Auroc([1, float.NaN], [true, false]));
        Assert.Throws<ArgumentException>(() => RankMetrics.Auroc([1, 2], [true, true]));
        Assert.Throws<ArgumentException>(() => RankMetrics.AveragePrecision([1, 2], [false, false]));
        Assert.Throws<ArgumentException>(() => RankMetrics.AveragePrecision([1], [true, false]));
    }
}
