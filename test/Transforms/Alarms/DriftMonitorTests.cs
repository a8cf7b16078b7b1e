using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Alarms;

/// <summary>The monitor of p-values: silent over 200 seeds where nothing drifts, and soon heard where something does.</summary>
[Trait("Area", "Alarms")]
public sealed class DriftMonitorTests
{
    private const int Seeds = 200;

    [Theory, InlineData(1000, 500), InlineData(60, 500), InlineData(1000, 50)]
    public void It_is_silent_where_nothing_drifts(int calibrationRows, int window)
    {
        const double Rate = 0.1;
        int alarms = Enumerable.Range(0, Seeds)
            .Count(seed => Run(seed, calibrationRows, Rate, window, rows: 10_000, (_, z) => z).HasDrifted);
        // 20 are allowed; 32 would be three standard deviations more
        Assert.InRange(alarms, 0, 32);
    }

    /// <summary>Rows of few different values have few different scores, which calibration rows have as well.</summary>
    [Theory, InlineData(2), InlineData(5), InlineData(40)]
    public void Scores_that_are_alike_are_no_drift_and_drift_among_them_is_found(int kinds)
    {
        const double Rate = 0.1;
        int silent = 0, found = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            float Score(double lean) => (float)Math.Floor(kinds * Math.Pow(random.NextDouble(), lean));
            var calibration = new Calibration(Enumerable.Range(0, 500).Select(_ => Score(1)), 0.05);
            var monitor = new DriftMonitor(calibration, Rate);
            for (int row = 0; row < 5_000; row++)
                monitor.Add(calibration.PValue(Score(1)));
            silent += monitor.HasDrifted ? 0 : 1;
            monitor = new DriftMonitor(calibration, Rate);
            for (int row = 0; row < 1_000; row++)
                monitor.Add(calibration.PValue(Score(2)));
            found += monitor.HasDrifted ? 1 : 0;
        }
        Assert.InRange(silent, Seeds - 32, Seeds);
        Assert.InRange(found, Seeds * 9 / 10, Seeds);
    }

    [Theory]
    [InlineData("higher", 3)]
    [InlineData("lower", 3)]
    [InlineData("wider", 6)]
    public void A_drift_is_found_within_a_few_windows_of_where_it_begins(string kind, int windows)
    {
        const int Begin = 5_000;
        double Drifted(int row, double z) => row < Begin ? z : kind switch { "higher" => z + 0.5, "lower" => z - 0.5, _ => 1.6 * z };
        long[] found = [.. Enumerable.Range(0, Seeds)
            .Select(seed => Run(seed, 1000, 0.01, 500, rows: 20_000, Drifted).Row ?? long.MaxValue)];
        Assert.InRange(found.Count(row => row < Begin), 0, 6); // 1 %, and three standard deviations
        Assert.True(found.Order().ElementAt(Seeds * 9 / 10) <= Begin + windows * 500, $"{found.Order().ElementAt(Seeds * 9 / 10)}");
    }

    [Fact]
    public void The_distance_is_that_between_the_two_samples()
    {
        var random = new Random(1);
        float[] calibration = [.. Enumerable.Range(0, 200).Select(_ => (float)Tables.Normal(random))];
        float[] rows = [.. Enumerable.Range(0, 50).Select(_ => (float)(1.3 * Tables.Normal(random)))];
        var known = new Calibration(calibration, 0.05);
        var monitor = new DriftMonitor(calibration.Length, window: rows.Length);
        foreach (float row in rows)
            monitor.Add(known.PValue(row));
        double expected = calibration.Concat(rows).Max(value
            => Math.Abs(calibration.Count(other => other <= value) / 200.0 - rows.Count(other => other <= value) / 50.0));
        Assert.Equal(expected, monitor.Distance, 1e-12);
    }

    [Fact]
    public void It_reads_scored_views_and_passes_over_rows_that_are_not_finite()
    {
        var ml = new MLContext(seed: 1);
        FlowModel model = Flows.Random();
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(model).Fit(Tables.Load(ml, Flows.Rows(model, 1, 1)));
        DriftMonitor monitor = flow.CreateDriftMonitor(window: 20);
        float[][] rows = Flows.Rows(model, 60, 2);
        rows[7][0] = float.NaN;
        Assert.Equal(monitor.HasDrifted, monitor.Add(flow.Transform(Tables.Load(ml, rows))));
        Assert.Equal(59, monitor.Rows);
        Assert.InRange(monitor.Distance, 0, 1);
        Assert.ThrowsAny<ArgumentException>(() => monitor.Add(Tables.Load(ml, rows)));
        using RealNvpTransformer bare = ml.Transforms.ApplyRealNvp(model.WithCalibration(Calibration.None)).Fit(Tables.Load(ml, rows));
        Assert.Contains("CalibrationFraction", Assert.Throws<InvalidOperationException>(() => bare.CreateDriftMonitor()).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DriftMonitor(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DriftMonitor(10, falseAlarmRate: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DriftMonitor(10, window: 5));
    }

    private static DriftMonitor Run(int seed, int calibrationRows, double rate, int window, int rows, Func<int, double, double> drift)
    {
        var random = new Random(seed);
        var calibration = new Calibration(Enumerable.Range(0, calibrationRows).Select(_ => (float)Tables.Normal(random)), 0.05);
        var monitor = new DriftMonitor(calibrationRows, rate, window);
        for (int row = 0; row < rows && !monitor.HasDrifted; row++)
            monitor.Add(calibration.PValue((float)drift(row, Tables.Normal(random))));
        return monitor;
    }
}
