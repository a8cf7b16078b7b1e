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

    /// <summary>Of these, with a tenth of the rows to validate and a lighter tail, trained flows were 12, 7 and 5 nats worse.</summary>
    [Theory, InlineData(122, 0.3), InlineData(132, 0.3), InlineData(114, 1)]
    public void A_trained_flow_is_hardly_worse_than_an_untrained_one(int seed, double most)
        => Assert.InRange(SmallBenchmark.Gain(new MixedTable(seed, 30, 60), new Experiment(null)), -most, double.PositiveInfinity);
}
