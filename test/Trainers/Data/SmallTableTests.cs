using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Small;
using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Of a few dozen rows enough choose the best model: by three of them a flow was kept that is far worse than none.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class SmallTableTests
{
    [Theory, InlineData(3, 0.1, 1), InlineData(7, 0.1, 1), InlineData(31, 0.1, 7), InlineData(40, 0.1, 10), InlineData(60, 0.1, 12),
        InlineData(120, 0.1, 12), InlineData(200, 0.1, 20), InlineData(40, 0.5, 20), InlineData(10_000, 0.0001, 12), InlineData(40, 0, 0)]
    public void A_dozen_rows_validate_or_a_quarter_of_all(int count, double fraction, int expected)
    {
        RowSplit split = RowSplit.Draw(count, fraction, 12, 0.1, 0.05, seed: 1);
        Assert.Equal(expected, split.Validation.Length);
        Assert.Equal(Enumerable.Range(0, count), split.Training.Concat(split.Validation).Concat(split.Calibration).Order());
    }

    [Fact]
    public void Slices_leave_rows_to_train_on_however_large_they_are_to_be()
    {
        double[] fractions = [0.01, 0.05, 0.1, 0.3, 0.45, 0.6, 0.75, 0.78, 0.8, 0.85, 0.9];
        foreach ((double validates, double calibrates) in fractions.SelectMany(one => fractions.Select(other => (one, other))))
        {
            for (int count = 4; count < 150 && validates + calibrates < 1; count++)
            {
                RowSplit split = RowSplit.Draw(count, validates, 12, calibrates, 0.05, seed: 1);
                string what = $"{count} rows, {validates} and {calibrates}";
                Assert.Equal(count, split.Training.Concat(split.Validation).Concat(split.Calibration).Distinct().Count());
                Assert.True(split.Training.Length >= 2 && split.Validation.Length >= 1 && split.Calibration.Length >= 1, what);
                double own = count - Math.Max(1, Math.Round(validates * count)) - Math.Max(1, Math.Round(calibrates * count));
                Assert.True(split.Training.Length >= Math.Floor(own / 4), what); // each slice grew by a half of what there was at most
                KeySlices keys = KeySlices.Draw([.. Enumerable.Range(0, count).Select(i => (ulong)i)], validates, 12, calibrates, 0.05, 1);
                Assert.True(keys.Validation.Count + keys.Calibration.Count < count, what);
            }
        }
    }

    /// <summary>Gains of 1 +- d, each value half of the time: their mean has a standard error of d / sqrt(n).</summary>
    [Theory]
    [InlineData(12, 1.7, true), InlineData(12, 1.8, false), InlineData(30, 2.7, true), InlineData(30, 2.8, false)]
    [InlineData(32, 1000, true)] // of more the mean decides
    [InlineData(12, 0, true), InlineData(2, 0.7, true), InlineData(2, 0.8, false)]
    public void A_gain_of_few_rows_is_sure_by_two_standard_errors(int rows, double deviation, bool sure)
    {
        double[] gains = [.. Enumerable.Range(0, rows).Select(i => 1 + (i % 2 == 0 ? deviation : -deviation))];
        float[] ones = [.. gains.Select(_ => 1f)];
        Assert.Equal(sure, HeldOutGain.IsSure(gains, ones));
        Assert.False(HeldOutGain.IsSure([.. gains.Select(gain => -gain)], ones));
        // weights count by their ratios, and rows of weight 0 not at all
        Assert.Equal(sure || rows + 4 > 30, HeldOutGain.IsSure([.. gains, -9, -9, -9, -9], [.. ones.Select(_ => 7f), 0, 0, 0, 0]));
    }

    /// <summary>Of these, with a tenth of the rows to validate and a lighter tail, trained flows were 12, 7 and 5 nats worse.</summary>
    [Theory, InlineData(122, 0.3), InlineData(132, 0.3), InlineData(114, 1)]
    public void A_trained_flow_is_hardly_worse_than_an_untrained_one(int seed, double most)
        => Assert.InRange(SmallBenchmark.Gain(new MixedTable(seed, 30, 60), new Experiment(null)), -most, double.PositiveInfinity);
}
