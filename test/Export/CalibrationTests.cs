using RealNvp.ML.Export;

namespace RealNvp.ML.Tests.Exports;

public class CalibrationTests
{
    [Fact]
    public void Label_is_p_value_at_most_contamination()
    {
        var random = new Random(1);
        for (int trial = 0; trial < 400; trial++)
        {
            int count = random.Next(0, 60);
            // few different values, so that ties are the rule
            float[] scores = [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-10, 10))];
            double contamination = trial % 4 == 0 ? random.NextDouble() : random.Next(0, 100) / 100.0;
            var calibration = new Calibration(scores, contamination);
            for (float score = -11; score <= 11; score += 0.5f)
            {
                int reached = scores.Count(other => other >= score);
                Assert.Equal((1f + reached) / (count + 1), calibration.PValue(score));
                // in whole numbers: (1 + reached) / (n + 1) <= c
                bool flagged = 1 + reached <= (decimal)contamination * (count + 1);
                Assert.Equal(flagged, score > calibration.Threshold);
                Assert.Equal(flagged, calibration.PValue(score) <= (float)contamination);
            }
        }
    }

    [Theory]
    [InlineData(19, 0.05, 19)] // 20 * 0.05 is exactly 1: the highest score is the threshold
    [InlineData(18, 0.05, 0)] // 19 rows can never say 1 in 20
    [InlineData(99, 0.01, 99)]
    [InlineData(999, 0.001, 999)]
    [InlineData(9, 0.3, 7)] // 10 * 0.3 = 3: ranks 8 and 9 are above, and p = 3/10 at rank 7's tie
    [InlineData(99, 0.29, 71)] // 100 * 0.29 computes as 28.999999999999996
    [InlineData(99, 0, 0)]
    public void Rank_is_not_lost_to_rounding(int count, double contamination, int rank)
    {
        var calibration = new Calibration(Enumerable.Range(1, count).Select(i => (float)i), contamination);
        Assert.Equal(rank == 0 ? float.PositiveInfinity : rank, calibration.Threshold);
    }

    [Fact]
    public void Contamination_next_to_one_flags_all_but_the_lowest()
    {
        double most = Math.BitDecrement(1.0);
        Assert.Equal(1, new Calibration([3, 1, 2], most).Threshold);
        Assert.Equal(float.PositiveInfinity, new Calibration([], most).Threshold);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Calibration([], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Calibration([], -0.01));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Calibration([], double.NaN));
    }

    [Fact]
    public void Extreme_scores_have_p_values()
    {
        var calibration = new Calibration([1, 2, 3], 0.25);
        Assert.Equal(1, calibration.PValue(float.NegativeInfinity));
        Assert.Equal(0.25f, calibration.PValue(float.PositiveInfinity));
        Assert.Equal(0.25f, calibration.PValue(float.MaxValue));
        Assert.True(float.IsNaN(calibration.PValue(float.NaN)));
        Assert.Equal(1, Calibration.None.PValue(float.MaxValue));
        Assert.Equal([1, 2, 3], new Calibration([3, 1, 2], 0).Scores);
    }

    [Fact]
    public void Scores_that_are_not_finite_or_too_many_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Calibration([1, float.NaN], 0.1));
        Assert.Throws<ArgumentException>(() => new Calibration([float.PositiveInfinity], 0.1));
        Assert.Contains("1001", Assert.Throws<ArgumentException>(() => new Calibration(new float[1001], 0.1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Share_of_flagged_rows_is_at_most_the_contamination()
    {
        var random = new Random(2);
        const int trials = 4000;
        int flagged = 0;
        for (int trial = 0; trial < trials; trial++)
        {
            var calibration = new Calibration(Enumerable.Range(0, 49).Select(_ => random.NextSingle()), 0.1);
            if (random.NextSingle() > calibration.Threshold)
                flagged++;
        }
        // 5 of 50 ranks: exactly a tenth in expectation, three standard errors on either side
        Assert.InRange(flagged / (double)trials, 0.1 - 0.015, 0.1 + 0.015);
    }
}
