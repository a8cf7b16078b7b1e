using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>A few extreme rows, a code for missing values or a long tail, do not make their column blind.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class StretchedColumnTests
{
    /// <summary>Half of the default's steps, which is enough but where one row in ten is a code.</summary>
    private static readonly RealNvpTrainer.Options s_short = new() { Steps = 750 };

    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _warnings = [];

    public StretchedColumnTests() => _ml.Log += (_, e) => _warnings.Add(e.RawMessage);

    /// <summary>Pressure follows temperature; in broken rows it goes the other way.</summary>
    [Theory]
    [InlineData(-9999f, 400, 0.95)]
    [InlineData(int.MaxValue, 400, 0.95)]
    [InlineData(float.MaxValue, 400, 0.95)]
    [InlineData(1e6f, 1000, 0.95)]
    [InlineData(1e6f, 10, 0.9)]
    [InlineData(0f, 0, 0.85)]
    public void Broken_rows_are_flagged_beside_codes_and_in_a_skewed_column(float code, int every, double least)
    {
        IDataView Rows(int count, int seed, bool broken = false, bool codes = false)
        {
            var random = new Random(seed);
            return Tables.Load(_ml, [.. Enumerable.Range(0, count).Select(i =>
            {
                double a = broken ? (random.Next(2) * 2 - 1) * (1 + random.NextDouble()) : Tables.Normal(random);
                double b = broken ? -a : 0.95 * a + 0.31 * Tables.Normal(random), c = Tables.Normal(random);
                float temperature = every == 0 ? (float)Math.Exp(3 * a) : codes && i % every == 7 ? code : (float)(50 + 10 * a);
                return new[] { temperature, (float)(20 + 5 * b), (float)c };
            })]);
        }
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(every == 10 ? new() : s_short)
            .Fit(Rows(2000, 1, codes: true));
        double Flagged(bool broken) => model.Transform(Rows(500, 2, broken)).GetColumn<bool>("PredictedLabel")
            .Average(flagged => flagged ? 1.0 : 0);
        Assert.InRange(Flagged(broken: true), least, 1);
        Assert.InRange(Flagged(broken: false), 0, 0.12);
        string warning = Assert.Single(_warnings, message
            => message.Contains("standard deviation and quartiles disagree", StringComparison.Ordinal));
        Assert.Contains("value 0 (standard deviation", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("value 1", warning, StringComparison.Ordinal);
        if (every == 400)
            Assert.Contains("is the value of 0.", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_a_code_are_not_the_most_normal_and_usual_rows_rank_as_without_it()
    {
        IDataView Rows(int count, int seed, Func<int, Random, float> first)
        {
            var random = new Random(seed);
            return Tables.Load(_ml, [.. Enumerable.Range(0, count)
                .Select(i => new[] { first(i, random), (float)Tables.Normal(random), (float)Tables.Normal(random) })]);
        }
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(s_short)
            .Fit(Rows(2000, 1, (i, random) => i % 50 == 7 ? 1e6f : (float)Tables.Normal(random)));
        float[] Scores(Func<int, Random, float> first) => [.. model.Transform(Rows(400, 2, first)).GetColumn<float>("Score").Order()];
        float[] normal = Scores((_, random) => (float)Tables.Normal(random));
        double Auroc(float[] odd) => odd.Average(score => (double)normal.Count(other => other < score) / normal.Length);
        Assert.InRange(Auroc(Scores((_, _) => 1e6f)), 0.9, 1);
        Assert.InRange(Auroc(Scores((_, _) => 6)), 0.97, 1);
        Assert.InRange(Auroc(Scores((_, _) => -30)), 0.99, 1);
    }

    /// <summary>Quantiles of e^x are those of x.</summary>
    [Theory]
    [InlineData(2, 0)]
    [InlineData(2, 10)]
    [InlineData(4, 0)]
    public void Skewed_columns_are_scaled_by_quartiles_and_codes_move_them_little(double steepness, int every)
    {
        const int Count = 20_000;
        var random = new Random(1);
        float[] values = [.. Enumerable.Range(0, Count).Select(i
            => every > 0 && i % every == 0 ? 1e9f : (float)Math.Exp(steepness * Tables.Normal(random)))];
        ColumnFacts facts = ColumnFacts.OfTable(new WeightedRows(values, [.. Enumerable.Repeat(1f, Count)], 1), dequantize: true);
        double Quantile(double z) => Math.Exp(steepness * z);
        // of the rows without the code, a tenth of all, three quarters are 0.8333 of them
        double expected = (every > 0 ? Quantile(0.9674) - Quantile(-0.5895) : Quantile(0.67449) - Quantile(-0.67449)) / 1.34898;
        Assert.InRange(facts.StandardDeviation[0] / expected, 0.93, 1.07);
        Assert.True(facts.IsStretched[0]);
    }

    [Fact]
    public void Well_behaved_columns_keep_mean_and_standard_deviation()
    {
        var random = new Random(1);
        // normal; exponential; flags, of which one is rare; counts that are mostly zero
        float[][] rows = [.. Enumerable.Range(0, 3000).Select(_ => new[]
        {
            (float)Tables.Normal(random), (float)-Math.Log(1 - random.NextDouble()), random.Next(2), random.Next(100) == 0 ? 1 : 0,
                random.Next(5) == 0 ? random.Next(6) : 0,
        })];
        var table = new WeightedRows([.. rows.SelectMany(row => row)], [.. Enumerable.Repeat(1f, 3000)], 5);
        ColumnFacts facts = ColumnFacts.OfTable(table, dequantize: true);
        (double[] mean, double[] deviation) = ColumnStatistics.Of(table).Result();
        Assert.Equal(mean.Select(value => (float)value), facts.Mean);
        Assert.Equal(deviation.Select(value => (float)value), facts.StandardDeviation);
        Assert.Empty(facts.Stretches);
    }

    [Fact]
    public void A_code_makes_no_bins_and_quartiles_count_weights()
    {
        var random = new Random(1);
        float[] rows = [.. Enumerable.Range(0, 1000).SelectMany(i => new[]
        {
            i % 100 == 0 ? int.MaxValue : 10 + random.NextSingle(), i % 100 == 0 ? float.MaxValue : random.Next(3),
                i < 900 ? 1e6f : (float)Tables.Normal(random),
        })];
        // most rows of the third column weigh next to nothing
        var table = new WeightedRows(rows, [.. Enumerable.Range(0, 1000).Select(i => i < 900 ? 1e-5f : 1f)], 3);
        ColumnFacts facts = ColumnFacts.OfTable(table, dequantize: true);
        Assert.Equal([0f, 1, 0], facts.BinWidths);
        Assert.InRange(facts.StandardDeviation[0], 0.33f, 0.41f); // half of the range holds half of the rows: 0.5 / 1.349
        Assert.InRange(facts.Mean[2], -0.4f, 0.4f);
        Assert.InRange(facts.StandardDeviation[2], 0.7f, 1.3f);
    }
}
