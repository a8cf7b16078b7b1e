using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Data as it is: discrete, duplicated, heavy-tailed, contaminated.</summary>
public sealed class RobustnessTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Discrete_columns_are_found_with_their_smallest_gap()
    {
        var random = new Random(1);
        // halves; continuous; constant; two values; rounding noise on a grid of tens
        float[] rows = [.. Enumerable.Range(0, 1000).SelectMany(i => new[]
        {
            random.Next(10) * 0.5f, random.NextSingle(), 7, i % 2 == 0 ? -1f : 3f, random.Next(5) * 10 + (i % 2) * 1e-6f,
        })];
        var table = new WeightedRows(rows, [.. Enumerable.Repeat(1f, 1000)], 5);
        float[] widths = ColumnFacts.OfTable(table, dequantize: true, ofTwoValues: true).BinWidths;
        Assert.Equal([0.5f, 0, 0, 4], widths[..4]);
        Assert.Equal(10, widths[4], 1e-4f);
        Assert.Equal([0.5f, 0, 0, 0], ColumnFacts.OfTable(table, dequantize: true).BinWidths[..4]);
        Assert.Equal(new float[5], ColumnFacts.OfTable(table, dequantize: false).BinWidths);
    }

    [Fact]
    public void A_dequantised_density_sums_to_one_over_the_grid_and_a_bare_one_does_not()
    {
        double Sum(bool dequantize)
        {
            var random = new Random(1);
            IEnumerable<float[]> rows = Enumerable.Range(0, 2000).Select(_ =>
            {
                int a = random.Next(6) + random.Next(6);
                return new float[] { a, a / 2 + random.Next(3) };
            });
            var options = new RealNvpTrainer.Options { Table = new() { Dequantize = dequantize }, Noise = dequantize ? 0 : 0.01,
                Dropout = dequantize ? 0.1 : 0, Epochs = dequantize ? 40 : 150 };
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Tables.Load(_ml, rows));
            Assert.Equal(dequantize, model.Model.Steps[0] is Dequantization);
            IEnumerable<float[]> grid = Enumerable.Range(-1, 13)
                .SelectMany(a => Enumerable.Range(-1, 11).Select(b => new float[] { a, b }));
            // bins of volume 1
            return model.Transform(Tables.Load(_ml, grid)).GetColumn<float>("LogLikelihood").Sum(value => Math.Exp(value));
        }
        Assert.InRange(Sum(dequantize: true), 0.85, 1.15);
        Assert.True(Sum(dequantize: false) > 2); // spikes at the grid's points
    }

    [Fact]
    public void Duplicated_rows_do_not_drive_the_density_to_infinity()
    {
        var random = new Random(1);
        float[][] few = [.. Enumerable.Range(0, 30).Select(_ => new[] { random.NextSingle(), random.NextSingle(), random.NextSingle() })];
        IEnumerable<float[]> rows = Enumerable.Range(0, 3000)
            .Select(i => i % 20 == 0 ? [random.NextSingle(), random.NextSingle(), random.NextSingle()] : few[i % 30]);
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Epochs = 60,
            Table = new() { Dequantize = false } }).Fit(Tables.Load(_ml, rows));
        // noise of 0.05 standard deviations (0.29 for a uniform) bounds the density: -log(sqrt(2 pi) 0.05 * 0.29) = 3.3 per feature
        float[] likelihoods = [.. model.Transform(Tables.Load(_ml, few)).GetColumn<float>("LogLikelihood")];
        Assert.All(likelihoods, value => Assert.InRange(value, -5, 3 * 3.4));
    }

    [Fact]
    public void Heavy_tails_train_calmly_and_approach_the_true_likelihood()
    {
        static IEnumerable<float[]> Cauchy(int count, int seed)
        {
            var random = new Random(seed);
            return Enumerable.Range(0, count)
                .Select(_ => new[] { (float)Math.Tan(Math.PI * (random.NextDouble() - 0.5)), (float)Tables.Normal(random) });
        }
        static double True(float[] row)
            => -Math.Log(Math.PI * (1 + (double)row[0] * row[0])) - 0.5 * row[1] * row[1] - 0.5 * Math.Log(2 * Math.PI);
        var messages = new List<string>();
        _ml.Log += (_, e) => messages.Add(e.RawMessage);
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Noise = 0, Dropout = 0 })
            .Fit(Tables.Load(_ml, Cauchy(3000, 1)));
        Assert.DoesNotContain(messages, message => message.Contains("back to the best model", StringComparison.Ordinal));
        float[][] fresh = [.. Cauchy(3000, 2)];
        double found = model.Transform(Tables.Load(_ml, fresh)).GetColumn<float>("LogLikelihood").Average();
        // standard deviations are dominated by a few rows: the rest is hard to resolve
        Assert.InRange(found, fresh.Average(True) - 0.75, fresh.Average(True) + 0.05);
    }

    [Fact]
    public void Trimming_keeps_a_contaminated_training_set_from_teaching_its_anomalies()
    {
        double ScoreOfAnomalies(double trim)
        {
            var random = new Random(1);
            IEnumerable<float[]> rows = Enumerable.Range(0, 1500).Select(i => i % 20 == 0
                ? [6 + 0.2f * (float)Tables.Normal(random), -6 + 0.2f * (float)Tables.Normal(random)]
                : new[] { (float)Tables.Normal(random), (float)Tables.Normal(random) });
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Trim = trim, Epochs = 60 })
                .Fit(Tables.Load(_ml, rows));
            return model.Transform(Tables.Load(_ml, [[6, -6]])).GetColumn<float>("Score").Single();
        }
        Assert.True(ScoreOfAnomalies(0.1) > ScoreOfAnomalies(0) + 10);
    }
}
