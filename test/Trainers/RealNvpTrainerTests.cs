using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The estimator from rows to transformer, against densities that are known in closed form.</summary>
public sealed class RealNvpTrainerTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void The_likelihood_of_fresh_rows_approaches_the_true_one()
    {
        // y = x^2 / 2 + noise: far from a Gaussian, and its density is known
        static IEnumerable<Row> Rows(int count, int seed)
        {
            var random = new Random(seed);
            for (int i = 0; i < count; i++)
            {
                double x = Tables.Normal(random), y = 0.5 * x * x + 0.3 * Tables.Normal(random);
                yield return new Row { Features = [(float)(100 + 20 * x), (float)y] };
            }
        }
        static double TrueLogLikelihood(float[] row)
        {
            double x = (row[0] - 100) / 20, e = (row[1] - 0.5 * x * x) / 0.3;
            return -0.5 * (x * x + e * e) - Math.Log(2 * Math.PI) - Math.Log(20) - Math.Log(0.3);
        }
        using RealNvpTransformer model = Fit(Rows(4000, 1), new() { Noise = 0, Dropout = 0 });
        Row[] test = [.. Rows(4000, 2)];
        double found = Scores(model, test).Average(score => -score), expected = test.Average(row => TrueLogLikelihood(row.Features));
        Assert.InRange(found, expected - 0.1, expected + 0.05); // the upper side is sampling error of the difference
    }

    [Fact]
    public void A_two_dimensional_density_integrates_to_one()
    {
        using RealNvpTransformer model = Fit(Moons(2000, 1), new() { Epochs = 40 });
        const double From = -4, To = 5;
        const int Cells = 400;
        double width = (To - From) / Cells;
        float Centre(int i) => (float)(From + (i + 0.5) * width);
        IEnumerable<Row> grid = Enumerable.Range(0, Cells * Cells)
            .Select(i => new Row { Features = [Centre(i % Cells), Centre(i / Cells)] });
        double integral = Scores(model, grid).Sum(score => Math.Exp(-score)) * width * width;
        Assert.InRange(integral, 0.99, 1.01);
    }

    [Fact]
    public void The_same_seed_gives_the_same_model_and_another_seed_another()
    {
        float[] Run(MLContext ml, int? seed)
        {
            IDataView data = ml.Data.LoadFromEnumerable(Moons(300, 1), Row.Schema(2));
            var options = new RealNvpTrainer.Options { Seed = seed, Epochs = 5, Dropout = 0.1, Noise = 0.1 };
            ml.Transforms.CopyColumns("Other", "Features").Fit(data); // a registered component shifts ML.NET's own randomness
            using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
            return [.. model.Transform(data).GetColumn<float>("Score")];
        }
        float[] first = Run(new MLContext(seed: 5), null);
        Assert.Equal(first, Run(new MLContext(seed: 5), null));
        Assert.Equal(first, Run(new MLContext(), 5));
        Assert.NotEqual(first, Run(new MLContext(seed: 6), null));
    }

    [Theory, InlineData(2), InlineData(3), InlineData(9)]
    public void Every_feature_matters_whatever_their_number(int features)
    {
        var random = new Random(features);
        IEnumerable<Row> rows = Enumerable.Range(0, 300)
            .Select(_ => new Row { Features = [.. Enumerable.Range(0, features).Select(_ => (float)Tables.Normal(random))] });
        using RealNvpTransformer model = Fit(rows, new() { Table = new() { Couplings = 2 }, Epochs = 3 }, features);
        // two couplings transform every feature once: each latent differs from its standardised feature
        Assert.Equal(features, model.Model.Steps.OfType<Export.Steps.AffineCoupling>().Sum(coupling => coupling.Mask.Transformed.Length));
        float[] origin = new float[features];
        float[] scores = Scores(model, Enumerable.Range(-1, features + 1).Select(i =>
        {
            float[] row = [.. origin];
            if (i >= 0) row[i] = 6;
            return new Row { Features = row };
        }), features);
        Assert.All(scores[1..], score => Assert.True(score > scores[0] + 5));
    }

    [Theory]
    [InlineData(FeatureMixing.Permutation, typeof(Export.Steps.Permutation), 2)]
    [InlineData(FeatureMixing.Rotation, typeof(Export.Steps.Rotation), 4)]
    [InlineData(FeatureMixing.Linear, typeof(Export.Steps.InvertibleLinear), 4)]
    public void What_was_chosen_stands_between_the_couplings(FeatureMixing mixing, Type step, int count)
    {
        var random = new Random(1);
        IEnumerable<Row> rows = Enumerable.Range(0, 100)
            .Select(_ => new Row { Features = [(float)Tables.Normal(random), (float)Tables.Normal(random), (float)Tables.Normal(random)] });
        using RealNvpTransformer model = Fit(rows, new() { Table = new() { Couplings = 4, Mixing = mixing }, Epochs = 1 });
        Assert.Equal(count, model.Model.Steps.Count(step.IsInstanceOfType));
        Type[] all = [typeof(Export.Steps.Permutation), typeof(Export.Steps.Rotation), typeof(Export.Steps.InvertibleLinear)];
        Assert.Equal(count, model.Model.Steps.Count(found => all.Contains(found.GetType())));
    }

    [Fact]
    public void A_bound_of_the_latent_makes_tails_heavier()
    {
        var random = new Random(2);
        Row[] rows = [.. Enumerable.Range(0, 500)
            .Select(_ => new Row { Features = [(float)Tables.Normal(random), (float)Tables.Normal(random)] })];
        RealNvpTrainer.Options options =
            new() { Table = new() { Couplings = 2, TailBound = 0, MixtureBound = 0, Mixing = FeatureMixing.Permutation }, Epochs = 5,
                Seed = 1 };
        Row[] far = [new() { Features = [0, 0] }, new() { Features = [30, -30] }];
        float Drop() { using RealNvpTransformer model = Fit(rows, options); float[] scores =
            Scores(model, far); return scores[1] - scores[0]; }
        float normal = Drop();
        options.Table = options.Table with { LatentTailBound = 1.5 };
        float heavier = Drop();
        // a normal falls by the square of the distance, a compressed latent by that of its logarithm
        Assert.True(normal > 200, $"{normal}");
        Assert.InRange(heavier, 10, 100);
    }

    [Fact]
    public void Options_for_density_beat_the_defaults_where_a_density_is_sharp()
    {
        // a curve with noise of 0.02 around it, far narrower than what the defaults' training noise lets them see
        static Row[] Rows(int count, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(_ =>
            {
                double x = Tables.Normal(random);
                return new Row { Features = [(float)x, (float)(Math.Sin(2 * x) + 0.02 * Tables.Normal(random))] };
            })];
        }
        Row[] test = Rows(500, 2);
        RealNvpTrainer.Options density = RealNvpTrainer.Options.ForDensity();
        (density.Epochs, density.Seed) = (40, 1);
        using RealNvpTransformer sharp = Fit(Rows(1000, 1), density), usual = Fit(Rows(1000, 1),
            new() { Epochs = 40, Seed = 1, Table = new() { MixtureBound = 0 } }); // which those for density do without
        Assert.True(Scores(sharp, test).Average() < Scores(usual, test).Average() - 0.1);
    }

    [Fact]
    public void Learned_marginals_fit_what_is_skewed_and_heavy_tailed()
    {
        // sinh(1.5 (asinh of a normal)) + 0.7): known density, and a few couplings alone do not reach it
        static double Forward(double z) => Math.Sinh(1.5 * (Math.Asinh(z) + 0.7));
        static double LogDensity(double z) // of Forward(z), by the change of variables
            => -0.5 * (z * z + Math.Log(2 * Math.PI)) - Math.Log(1.5 * Math.Cosh(1.5 * (Math.Asinh(z) + 0.7)) / Math.Sqrt(1 + z * z));
        var random = new Random(3);
        double[][] latents = [.. Enumerable.Range(0, 3000).Select(_ => (double[])[Tables.Normal(random), Tables.Normal(random)])];
        Row[] rows = [.. latents.Select(z => new Row { Features = [(float)Forward(z[0]), (float)Forward(z[1])] })];
        double truth = latents[2000..].Average(z => z.Sum(LogDensity));
        double Gap(bool marginals)
        {
            using RealNvpTransformer model = Fit(rows[..2000],
                new() { Table = new() { Couplings = 2, HiddenUnits = 16, Mixing = FeatureMixing.Permutation, SinhArcsinh = marginals,
                    MixtureBound = 0 }, Epochs = 30, Noise = 0, Dropout = 0, Seed = 1 });
            return truth + Scores(model, rows[2000..]).Average();
        }
        double with = Gap(true), without = Gap(false);
        Assert.True(with < 0.1, $"{with} nats below the truth");
        Assert.True(without > with + 0.1, $"{without} nats below the truth without them, {with} with them");
    }

    [Fact]
    public void Constant_columns_do_no_harm_and_a_new_value_in_one_stands_out()
    {
        var random = new Random(1);
        IEnumerable<Row> rows = Enumerable.Range(0, 400).Select(_ => new Row { Features = [(float)Tables.Normal(random), 42, 1e7f] });
        using RealNvpTransformer model = Fit(rows, new() { Epochs = 30 }, 3);
        float[] scores = Scores(model, [new Row { Features = [0, 42, 1e7f] }, new Row { Features = [0, 43, 1e7f] }], 3);
        Assert.All(scores, score => Assert.True(float.IsFinite(score)));
        Assert.True(scores[1] > scores[0] + 5);
    }

    [Fact]
    public void Extreme_finite_rows_have_finite_scores_and_rank_by_how_extreme_they_are()
    {
        using RealNvpTransformer model = Fit(Moons(300, 1), new() { Epochs = 5 });
        float[] scores = Scores(model, new[] { 1f, 1e2f, 1e6f, 1e20f, float.MaxValue }.Select(value => new Row { Features = [value, 0] }));
        Assert.All(scores, score => Assert.True(float.IsFinite(score)));
        Assert.Equal(scores.Order(), scores);
    }

    [Fact]
    public void Batch_norm_freezes_to_what_was_trained()
    {
        using RealNvpTransformer model = Fit(Moons(600, 1), new() { Table = new() { BatchNorm = true }, Epochs = 10 });
        Assert.Contains(model.Model.Steps, step => step is Export.Steps.BatchNorm);
        // Fit has compared 64 probes with torch in double; the training likelihood of the summary is torch's on other rows
        double summary = double.Parse(model.Model.Metadata.Training["validation_log_likelihood"],
            System.Globalization.CultureInfo.InvariantCulture);
        double fresh = Scores(model, Moons(2000, 2)).Average(score => -score);
        Assert.InRange(fresh, summary - 0.5, summary + 0.5);
    }

    [Fact]
    public void The_calibration_slice_grows_to_what_the_contamination_needs()
    {
        using RealNvpTransformer model = Fit(Moons(120, 1), new() { Epochs = 2 });
        Assert.Equal(19, model.Model.Calibration.Count);
        Assert.True(float.IsFinite(model.Threshold));
    }

    [Fact]
    public void Progress_and_messages_arrive_and_the_summary_holds_the_facts()
    {
        var reports = new List<TrainingProgress>();
        var messages = new List<string>();
        _ml.Log += (_, e) => messages.Add(e.RawMessage);
        using RealNvpTransformer model = Fit(Moons(300, 1), new() { Epochs = 50, Patience = 0, Progress = new Receiver(reports.Add) });
        Assert.True(reports.Count >= 2);
        Assert.Equal(reports[^1].Steps, reports[^1].Step);
        Assert.All(reports, report => Assert.True(double.IsFinite(report.TrainingNll) && double.IsFinite(report.ValidationNll)
            && report.RowsPerSecond > 0));
        Assert.Contains(messages, message => message.StartsWith("Training on 240 rows of 2 values", StringComparison.Ordinal));
        Assert.Equal("240", model.Model.Metadata.Training["rows"]);
        Assert.Equal("cpu", model.Model.Metadata.Training["device"]);
        string summary = model.Model.Summary();
        Assert.All(["Standardization", "TailCompression    logarithmic beyond +-10", "Rotation", "AffineCoupling", "noise 0.05", "trim 0"],
            part => Assert.Contains(part, summary, StringComparison.Ordinal));
    }

    [Fact]
    public void Slot_names_become_feature_names()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 50).Select(i => new TwoColumns { Length = i, Width = i % 7 }));
        ITransformer model = _ml.Transforms.Concatenate("Features", "Length", "Width")
            .Append(_ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Epochs = 1 })).Fit(data);
        using var flow = (RealNvpTransformer)((TransformerChain<RealNvpTransformer>)model).LastTransformer;
        Assert.Equal(["Length", "Width"], flow.Model.Metadata.FeatureNames);
    }

    [Fact]
    public void Cancellation_stops_training()
    {
        using var source = new CancellationTokenSource();
        var options = new RealNvpTrainer.Options { Epochs = 1000, CancellationToken = source.Token,
            Progress = new Receiver(_ => source.Cancel()) };
        Assert.Throws<OperationCanceledException>(() => Fit(Moons(300, 1), options));
    }

    [Fact]
    public void A_gpu_that_is_missing_is_replaced_with_a_message_or_refused()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "CUDA is there.");
        var messages = new List<string>();
        var ml = new MLContext(1) { GpuDeviceId = 0, FallbackToCpu = true };
        ml.Log += (_, e) => messages.Add(e.RawMessage);
        IDataView data = ml.Data.LoadFromEnumerable(Moons(50, 1), Row.Schema(2));
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Epochs = 1 }).Fit(data);
        Assert.Contains(messages, message => message.Contains("TorchSharp-cuda-linux", StringComparison.Ordinal));

        ml.FallbackToCpu = false;
        var error = Assert.Throws<InvalidOperationException>(() => ml.AnomalyDetection.Trainers.RealNvp().Fit(data));
        Assert.Contains("CUDA device 0", error.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(0), InlineData(1), InlineData(3)]
    public void Too_few_rows_are_refused(int rows)
    {
        var error = Assert.ThrowsAny<ArgumentException>(() => Fit(Moons(rows, 1), new()));
        Assert.Contains($"'Features' has {rows} usable rows, expected at least 4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Non_finite_rows_are_left_out_or_refused()
    {
        Row[] rows = [.. Moons(100, 1), new Row { Features = [float.NaN, 0] }, new Row { Features = [0, float.NegativeInfinity] }];
        using RealNvpTransformer model = Fit(rows, new() { Epochs = 1 });
        Assert.Equal("2", model.Model.Metadata.Training["skipped_rows"]);
        float[] scores = Scores(model, rows);
        Assert.Equal([false, true, true], scores[99..].Select(float.IsNaN));

        var error = Assert.ThrowsAny<ArgumentException>(() => Fit(rows, new() { NonFiniteRows = NonFiniteRows.Fail }));
        Assert.Contains("'Features' has 2 rows with a NaN or infinite feature", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_columns_are_refused_before_work_starts()
    {
        void Refused(IDataView data, string column, string found)
        {
            var trainer = _ml.AnomalyDetection.Trainers.RealNvp(column);
            var error = Assert.ThrowsAny<ArgumentException>(() => trainer.Fit(data));
            Assert.Contains($"'{column}' {found}", error.Message, StringComparison.Ordinal);
            Assert.Contains("a known-size vector of Single", error.Message, StringComparison.Ordinal);
        }
        IDataView data = _ml.Data.LoadFromEnumerable([new Wrong()]);
        Refused(data, "Missing", "is missing; there are Doubles, Unsized, Scalar");
        Refused(data, "Doubles", "is a vector of Double, not of Single");
        Refused(data, "Unsized", "is a vector of Single of unknown size");
        Refused(data, "Scalar", "is Single, no vector");
    }

    [Fact]
    public void A_wrong_option_of_a_group_is_named_with_its_group()
    {
        void Refused(string found, RealNvpTrainer.Options options) => Assert.Contains($"{found}, expected",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.Trainers.RealNvp(options)).Message,
                StringComparison.Ordinal);
        Refused("Table.Couplings is 1", new() { Table = new() { Couplings = 1 } });
        Refused("Table.Mixing is 3", new() { Table = new() { Mixing = (FeatureMixing)3 } });
        Refused("Table.LatentTailBound is 0.5", new() { Table = new() { LatentTailBound = 0.5 } });
        Refused("Optimizer.GradientClip is -1", new() { Optimizer = new() { GradientClip = -1 } });
        Refused("Optimizer.WeightDecay is NaN", new() { Optimizer = new() { WeightDecay = double.NaN } });
        Refused("Memory.ShufflePool is 0", new() { Memory = new() { ShufflePool = 0 } });
        Refused("Checkpoints.Interval is 0", new() { Checkpoints = new("folder") { Interval = 0 } });
        Refused("Checkpoints.Folder is  ", new() { Checkpoints = new(" ") });
        Refused("Image.Scales is 0", new() { Image = new() { Scales = 0 } });
    }

    [Fact]
    public void Later_changes_to_the_options_do_not_reach_the_trainer()
    {
        var options = new RealNvpTrainer.Options { Steps = 3, Columns = null! };
        RealNvpTrainer trainer = _ml.AnomalyDetection.Trainers.RealNvp(options);
        Assert.Null(options.Columns); // nor does it write into them
        options.Steps = 0;
        (options.Table, options.Members) = (null!, 2);
        using RealNvpTransformer model = trainer.Fit(_ml.Data.LoadFromEnumerable(Moons(100, 1), Row.Schema(2)));
        Assert.Equal(("3", false), (model.Model.Metadata.Training["steps"], model.Model.IsMixture));
    }

    [Theory]
    [InlineData(nameof(RealNvpTrainer.Options.Steps), 0L)]
    [InlineData(nameof(RealNvpTrainer.Options.Dropout), 1.0)]
    [InlineData(nameof(RealNvpTrainer.Options.LearningRate), -1.0)]
    [InlineData(nameof(RealNvpTrainer.Options.LearningRate), double.NaN)]
    [InlineData(nameof(RealNvpTrainer.Options.Contamination), 1.0)]
    [InlineData(nameof(RealNvpTrainer.Options.CalibrationFraction), 0.95)]
    [InlineData(nameof(RealNvpTrainer.Options.Threads), 0)]
    public void A_wrong_option_is_named(string option, object value)
    {
        var options = new RealNvpTrainer.Options();
        typeof(RealNvpTrainer.Options).GetField(option)!.SetValue(options, value);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.Trainers.RealNvp(options));
        Assert.Contains($"{option} is {value}, expected", error.Message, StringComparison.Ordinal);
    }

    private RealNvpTransformer Fit(IEnumerable<Row> rows, RealNvpTrainer.Options options, int features = 0)
    {
        Row[] all = [.. rows];
        return _ml.AnomalyDetection.Trainers.RealNvp(options)
            .Fit(_ml.Data.LoadFromEnumerable(all, Row.Schema(all.Length > 0 ? all[0].Features.Length : Math.Max(2, features))));
    }

    private float[] Scores(RealNvpTransformer model, IEnumerable<Row> rows, int features = 0)
        => [.. model.Transform(_ml.Data.LoadFromEnumerable(rows, Row.Schema(model.Model.InputShape.Size))).GetColumn<float>("Score")];

    private static IEnumerable<Row> Moons(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            double angle = Math.PI * random.NextDouble();
            (double x, double y) = i % 2 == 0 ? (Math.Cos(angle), Math.Sin(angle)) : (1 - Math.Cos(angle), 0.5 - Math.Sin(angle));
            yield return new Row { Features = [(float)(x + 0.1 * Tables.Normal(random)), (float)(y + 0.1 * Tables.Normal(random))] };
        }
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        public static SchemaDefinition Schema(int features)
        {
            SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
            schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, features);
            return schema;
        }
    }

    private sealed class TwoColumns
    {
        public float Length { get; set; }

        public float Width { get; set; }
    }

    private sealed class Wrong
    {
        [VectorType(2)]
        public double[] Doubles { get; set; } = [1, 2];

        public float[] Unsized { get; set; } = [1, 2];

        public float Scalar { get; set; }
    }
}
