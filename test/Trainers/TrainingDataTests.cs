using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms;
using TorchSharp;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Weights, streams and slices of the training rows.</summary>
public sealed class TrainingDataTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void More_values_than_an_array_takes_are_refused_or_stream()
    {
        const int Features = 1 << 20;
        var store = new RowStore(Features);
        store.Add(new float[Features], 1);
        // 2^32 values, which are 0 in 32 bits
        Assert.Contains("4096 rows of 1048576 values", Assert.Throws<ArgumentException>(() => store.Gather(new int[4096])).Message,
            StringComparison.Ordinal);
        Assert.Contains("ShufflePool",
            Assert.Throws<ArgumentException>(() => new StreamedBatches(() => throw new InvalidOperationException(), rows: 1 << 20, Features,
            weight: null, batchSize: 2, pool: 4096, seed: 1, TorchSharp.torch.CPU)).Message, StringComparison.Ordinal);
        Assert.Equal(Array.MaxLength / 10, TrainingDataReader.MostRows(long.MaxValue, 10));
        Assert.Equal((1L << 30) / 40, TrainingDataReader.MostRows(1L << 30, 10));
    }

    [Fact]
    public void Weights_count_rows_as_often_in_mean_and_deviation()
    {
        (float[] Row, float Weight)[] rows = [([1, 10], 1), ([2, 20], 3), ([4, 50], 2)];
        (double[] mean, double[] deviation) =
            ColumnStatistics.Of(new([.. rows.SelectMany(row => row.Row)], [.. rows.Select(row => row.Weight)], 2)).Result();
        float[][] repeated = [.. rows.SelectMany(row => Enumerable.Repeat(row.Row, (int)row.Weight))];
        for (int j = 0; j < 2; j++)
        {
            double expected = repeated.Average(row => row[j]);
            Assert.Equal(expected, mean[j], 1e-5);
            Assert.Equal(Math.Sqrt(repeated.Average(row => (row[j] - expected) * (row[j] - expected))), deviation[j], 1e-5);
        }
    }

    [Fact]
    public void A_cluster_of_three_times_the_weight_has_three_times_the_mass()
    {
        var random = new Random(1);
        IEnumerable<Weighted> rows = Enumerable.Range(0, 1500).Select(i => new Weighted
        {
            // a third cluster weighs nothing
            Features = [(i % 3 - 1) * 6 + (float)Tables.Normal(random), (float)Tables.Normal(random)],
            Weight = i % 3 == 0 ? 3 : i % 3 == 2 ? 1 : 0,
        });
        using RealNvpTransformer model = Fit(rows, new() { ExampleWeightColumnName = "Weight", Noise = 0, Epochs = 60 });
        float[] samples = [.. model.Sample(4000).GetColumn<float[]>("Features").Select(row => row[0])];
        Assert.Equal(0.75, samples.Count(x => x < 0) / 4000.0, 0.05);
        Assert.InRange(samples.Count(x => Math.Abs(x) < 2) / 4000.0, 0, 0.1);
    }

    /// <summary>Most batches have no heavy row: what they teach must not count as much as what the others do.</summary>
    [Theory, InlineData(long.MaxValue), InlineData(0)]
    public void Half_of_the_weight_on_one_row_in_a_hundred_is_half_of_the_mass(long residentLimit)
    {
        var random = new Random(1);
        Weighted[] rows = [.. Enumerable.Range(0, 4000).Select(i => new Weighted
        {
            Features = [(i % 100 == 0 ? 5 : -5) + (float)Tables.Normal(random), (float)Tables.Normal(random)],
            Weight = i % 100 == 0 ? 99 : 1,
        })];
        using RealNvpTransformer model = Fit(rows, new() { ExampleWeightColumnName = "Weight",
            Memory = new() { ResidentLimit = residentLimit } });
        float[] drawn = [.. model.Sample(4000).GetColumn<float[]>("Features").Select(row => row[0])];
        Assert.Equal(0.5, drawn.Count(x => x > 0) / 4000.0, 0.04);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_row_comes_as_often_as_its_weight_says(bool streams)
    {
        const int Rows = 60, Batch = 10;
        float[] weights = [.. Enumerable.Range(0, Rows).Select(i => i % 3 == 0 ? 2.5f : i % 3 == 1 ? 0.5f : 0.25f)];
        double total = weights.Sum();
        var held = new WeightedRows([.. Enumerable.Range(0, Rows).Select(i => (float)i)], weights, 1);
        var view = _ml.Data.LoadFromEnumerable(weights.Select((weight, i) => new Single { Features = [i], Weight = weight }));
        using DisposeScope scope = torch.NewDisposeScope();
        using DeviceRows rows = held.To(torch.CPU, weighted: true);
        using var random = new DeviceRandom(1, torch.CPU);
        random.Begin(0);
        using IBatchSource batches = !streams ? new ResidentBatches(rows, Batch, random)
            : new StreamedBatches(() => new TrainingSlicePass(new RowSource(view, "Features", 1, "Weight"), new SliceRule(1, 0, 0)), Rows,
                1, total, Batch, pool: 20, seed: 1, torch.CPU);
        for (int epoch = 0; epoch < 3; epoch++)
        {
            int[] drawn = [.. Enumerable.Range(0, Rows / Batch).SelectMany(_ => batches.Next().data<float>().ToArray())
                .Select(value => (int)value)];
            Assert.All(weights.Index(), row =>
            {
                double expected = Rows * row.Item / total;
                Assert.InRange(drawn.Count(value => value == row.Index), Math.Floor(expected), Math.Ceiling(expected));
            });
        }
    }

    [Theory, InlineData(-1f, "weight of -1"), InlineData(float.NaN, "weight of NaN")]
    public void A_wrong_weight_is_refused(float weight, string expected)
    {
        Weighted[] rows = [.. Enumerable.Range(0, 50).Select(i => new Weighted { Features = [i, i % 7], Weight = i == 20 ? weight : 1 })];
        Assert.Contains(expected,
            Assert.ThrowsAny<ArgumentException>(() => Fit(rows, new() { ExampleWeightColumnName = "Weight" })).Message,
            StringComparison.Ordinal);
        Assert.Contains("'Wait' is missing",
            Assert.ThrowsAny<ArgumentException>(() => Fit(rows, new() { ExampleWeightColumnName = "Wait" })).Message,
            StringComparison.Ordinal);
    }

    [Theory, InlineData(1), InlineData(10), InlineData(1000)]
    public void A_streamed_epoch_has_every_training_row_once_and_another_order_the_next_time(int pool)
    {
        const int Rows = 100, Batch = 10;
        var source = new RowSource(Tables.Load(_ml, Enumerable.Range(0, Rows).Select(i => new float[] { i, 0 })), "Features", 2, null);
        var rule = new SliceRule(1, 0.2, 0.1);
        int[] training = [.. Enumerable.Range(0, Rows).Where(row => rule.Of(row) == Slice.Training)];
        Assert.InRange(training.Length, 50, 85);
        using var batches = new StreamedBatches(()
            => new TrainingSlicePass(source, rule), training.Length, 2, null, Batch, pool, 1, torch.CPU);
        int whole = training.Length / Batch;
        int[] Epoch()
        {
            using DisposeScope scope = torch.NewDisposeScope();
            return [.. Enumerable.Range(0, whole).SelectMany(_ => batches.Next().select(1, 0).data<float>().ToArray())
                .Select(value => (int)value)];
        }
        int[] first = Epoch(), second = Epoch();
        foreach (int[] epoch in new[] { first, second })
        {
            Assert.Equal(whole * Batch, epoch.Distinct().Count());
            Assert.Empty(epoch.Except(training));
        }
        if (pool > 1)
        {
            Assert.NotEqual(first, second);
            Assert.NotEqual(first.Order(), first);
        }
    }

    [Fact]
    public void A_stream_trains_as_well_as_rows_in_memory()
    {
        double Nll(long residentLimit)
        {
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Memory =
                new() { ResidentLimit = residentLimit }, Steps = 600, Table = new() { Couplings = 4 } })
                .Fit(Tables.Load(_ml, Tables.Gaussian(2000, 3, 1)));
            return model.Transform(Tables.Load(_ml, Tables.Gaussian(2000, 3, 2))).GetColumn<float>("Score").Average();
        }
        Assert.Equal(Nll(long.MaxValue), Nll(0), 0.1);
    }

    [Fact]
    public void A_source_that_changes_between_passes_is_refused()
    {
        int pass = 0;
        IEnumerable<Weighted> Rows()
        {
            int count = 200 - 50 * Interlocked.Increment(ref pass);
            for (int i = 0; i < count; i++)
                yield return new Weighted { Features = [i, i % 7] };
        }
        string message = Assert.Throws<ArgumentException>(() => Fit(Rows(), new() { Memory = new() { ResidentLimit = 0 } })).Message;
        Assert.Contains("in one pass and", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_given_for_validation_and_calibration_are_what_is_used()
    {
        IDataView data = Tables.Load(_ml, Tables.Gaussian(300, 2, 1)), validation = Tables.Load(_ml, Tables.Gaussian(77, 2, 2)),
            calibration = Tables.Load(_ml, Tables.Gaussian(55, 2, 3));
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Calibration = calibration,
            Steps = 100 }).Fit(data, validation);
        Assert.Equal(("300", "77", 55),
            (model.Model.Metadata.Training["rows"], model.Model.Metadata.Training["validation_rows"], model.Model.Calibration.Count));
        float[] scores = [.. model.Transform(calibration).GetColumn<float>("Score").Order()];
        Assert.Equal<float>(scores, model.Model.Calibration.Scores);
    }

    [Fact]
    public void Validation_that_parts_from_training_is_told()
    {
        var log = new List<string>();
        _ml.Log += (_, e) => log.Add(e.RawMessage);
        IDataView far = Tables.Load(_ml, Tables.Gaussian(100, 2, 2).Select(row => new[] { row[0] + 60, row[1] - 60 }));
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 200 })
            .Fit(Tables.Load(_ml, Tables.Gaussian(300, 2, 1)), far);
        Assert.Single(log, message => message.Contains("Evaluation has parted from training", StringComparison.Ordinal));
    }

    private RealNvpTransformer Fit(IEnumerable<Weighted> rows, RealNvpTrainer.Options options)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Weighted));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        return _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(_ml.Data.LoadFromEnumerable(rows, schema));
    }

    private sealed class Single
    {
        [VectorType(1)]
        public float[] Features { get; set; } = [];

        public float Weight { get; set; }
    }

    private sealed class Weighted
    {
        public float[] Features { get; set; } = [];

        public float Weight { get; set; } = 1;
    }
}
