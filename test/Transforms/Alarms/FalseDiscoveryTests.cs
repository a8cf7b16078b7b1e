using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Alarms;

namespace RealNvp.ML.Tests.Transforms.Alarms;

/// <summary>Benjamini-Hochberg: against its definition by sorting, and the rate that it promises over 200 seeds.</summary>
[Trait("Area", "Alarms")]
[Collection<Alone>]
public sealed class FalseDiscoveryTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Discoveries_are_those_of_the_definition()
    {
        var random = new Random(1);
        for (int round = 0; round < 300; round++)
        {
            float[] values = [.. Enumerable.Range(0, 1 + random.Next(60))
                .Select(_ => MathF.Round((float)Math.Pow(random.NextDouble(), 3), 2))];
            double rate = 0.05 + 0.4 * random.NextDouble();
            float[] sorted = [.. values.Order()];
            int found = 0;
            for (int k = 1; k <= sorted.Length; k++)
                found = sorted[k - 1] <= k * rate / sorted.Length ? k : found;
            float? cut = FalseDiscoveries.Cut(values, rate);
            Assert.Equal(found == 0 ? 0 : values.Count(value => value <= sorted[found - 1]), values.Count(value => value <= cut));
        }
    }

    [Theory]
    [InlineData(999, 100, 1, 0.1)]
    [InlineData(19, 20, 20, 0.05)]
    [InlineData(9, 10, 10, 0.1)]
    [InlineData(999, 50, 1, 0.05)]
    public void A_tie_with_the_bound_is_a_discovery_however_floats_round(int calibrationRows, int rows, int smallest, double rate)
    {
        float least = (float)(1.0 / (calibrationRows + 1));
        Assert.Equal(least, FalseDiscoveries.Cut([.. Enumerable.Repeat(least, smallest), .. Enumerable.Repeat(0.9f, rows - smallest)],
            rate));
    }

    [Theory, InlineData(-0.1f), InlineData(1.5f), InlineData(float.PositiveInfinity)]
    public void What_is_no_p_value_is_refused(float value)
    {
        Assert.Contains("Row 1 has a p-value of ",
            Assert.Throws<ArgumentException>(() => FalseDiscoveries.Cut([0.5f, value], 0.1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DriftMonitor(10).Add(value));
    }

    [Theory, InlineData(0.05), InlineData(0.2)]
    public void Of_those_flagged_no_more_than_the_rate_are_normal_on_average(double rate)
    {
        double falseShare = 0, found = 0;
        const int Seeds = 200, Rows = 500, Anomalies = 50;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            var calibration = new Calibration(Enumerable.Range(0, 1000).Select(_ => (float)Tables.Normal(random)), 0.05);
            float[] values = [.. Enumerable.Range(0, Rows)
                .Select(row => calibration.PValue((float)(Tables.Normal(random) + (row < Anomalies ? 4 : 0))))];
            float? cut = FalseDiscoveries.Cut(values, rate);
            int flagged = values.Count(value => value <= cut), hits = values.Take(Anomalies).Count(value => value <= cut);
            falseShare += (double)(flagged - hits) / Math.Max(1, flagged) / Seeds;
            found += (double)hits / Anomalies / Seeds;
        }
        // the procedure holds it at the rate times the share of normal rows; three standard errors above would be a fault
        Assert.InRange(falseShare, 0.4 * rate, rate * 0.9 + 0.01);
        Assert.True(found > 0.7, $"{found}");
    }

    [Fact]
    public void The_label_is_added_lazily_in_any_culture_and_rows_that_are_not_finite_are_none()
    {
        using var _ = new ForeignCulture();
        IDataView scored = _ml.Data.LoadFromEnumerable(new[] { 0.01f, 0.5f, float.NaN, 0.02f, 0.9f }
            .Select(value => new Scored { PValue = value }));
        IDataView flagged = _ml.AnomalyDetection.ControlFalseDiscoveries(scored, rate: 0.1);
        Assert.Equal([true, false, false, true, false], flagged.GetColumn<bool>("PredictedLabel"));
        Assert.Equal([false, false, false, false, false],
            _ml.AnomalyDetection.ControlFalseDiscoveries(scored, rate: 0.01, outputColumnName: "Discovery").GetColumn<bool>("Discovery"));
        IDataView none = _ml.Data.LoadFromEnumerable(Array.Empty<Scored>());
        Assert.Empty(_ml.AnomalyDetection.ControlFalseDiscoveries(none).GetColumn<bool>("PredictedLabel"));
    }

    [Fact]
    public void Wrong_input_is_named()
    {
        IDataView scored = _ml.Data.LoadFromEnumerable([new Scored()]);
        Assert.Contains("Column 'P' is missing", Assert.ThrowsAny<ArgumentException>(
            () => _ml.AnomalyDetection.ControlFalseDiscoveries(scored, pValueColumnName: "P")).Message, StringComparison.Ordinal);
        Assert.Contains("Column 'Text' is String", Assert.ThrowsAny<ArgumentException>(
            () => _ml.AnomalyDetection.ControlFalseDiscoveries(scored, pValueColumnName: "Text")).Message, StringComparison.Ordinal);
        foreach (double rate in new[] { 0, 1, double.NaN })
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.ControlFalseDiscoveries(scored, rate));
    }

    private sealed class Scored
    {
        public float PValue { get; set; }

        public string Text { get; set; } = "";
    }
}
