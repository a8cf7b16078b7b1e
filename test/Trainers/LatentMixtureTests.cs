using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Latents that are distributed as a mixture: the one step that is no map, so that no Jacobian tells its term.</summary>
public sealed class LatentMixtureTests
{
    public const string Name = "LatentMixture";

    private static readonly LatentMixture s_mixture = new([0.2f, 0.3f, 0.1f], [1, -1, -0.5f, 0.25f, 0, 2],
        [0.1f, 0.2f, 0.5f, 0.3f, 0.9f, 0.15f]);

    private static readonly FlowModel s_model = new(FlowShape.Vector(2), [new Standardization([1, 2], [0.5f, 3]), s_mixture]);

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Its_density_is_that_of_the_mixture_in_the_graph_and_in_torch_and_integrates_to_one()
    {
        const int Side = 400;
        const double Reach = 6, Step = 2 * Reach / Side;
        float[] rows = [.. from i in Enumerable.Range(0, Side)
                           from j in Enumerable.Range(0, Side)
                           from value in new[] { 1 + 0.5 * (-Reach + (i + 0.5) * Step), 2 + 3 * (-Reach + (j + 0.5) * Step) }
                           select (float)value];
        float[] found = Graphs.Run(s_model.BuildDensityGraph(), "Features", rows, 2, "LogLikelihood")[0];
        Assert.Equal(1, found.Sum(value => Math.Exp(value)) * 0.5 * 3 * Step * Step, 1e-3);

        double[] expected = [.. rows.Chunk(2).Select(row => Math.Log(Density((row[0] - 1) / 0.5, (row[1] - 2.0) / 3) / (0.5 * 3)))];
        Tolerance.LogLikelihoods(expected, found, 2);

        using DisposeScope scope = NewDisposeScope();
        var module = new LatentMixtureModule(s_mixture);
        module.to(ScalarType.Float64);
        float[] latents = [0, 0, 1, -1, -0.4f, 0.3f, 3, 2];
        Tensor given = tensor(latents, [4, 2]).to(ScalarType.Float64);
        Assert.Equal(latents.Select(value => (double)value), module.forward(given).Output.data<double>().ToArray());
        double[] densities = module.LogDensity(given).data<double>().ToArray();
        for (int i = 0; i < densities.Length; i++)
        {
            (double x, double y) = (latents[2 * i], latents[2 * i + 1]);
            Assert.Equal(Math.Log(Density(x, y)), densities[i], 1e-6);
            Assert.Equal(densities[i] + 0.5 * (x * x + y * y) + Math.Log(2 * Math.PI), s_mixture.LogGain(latents.AsSpan(2 * i, 2)), 1e-9);
        }
        Assert.Equal(s_mixture.Weights, ((LatentMixture)module.Freeze()).Weights);
    }

    /// <summary>Cauchy's density over 1, 2 and 3 values in closed form; beside clusters, and without.</summary>
    [Theory]
    [InlineData(1, 0.25), InlineData(2, 0.25), InlineData(3, 0.25), InlineData(1, 1e-13), InlineData(2, 1e-13), InlineData(3, 1e-13)]
    public void The_tail_is_what_is_left_far_out(int features, double weight)
    {
        double Tail(double square) => features switch
        {
            1 => 1 / (Math.PI * (1 + square)),
            2 => 1 / (2 * 2 * Math.PI * Math.Pow(1 + square / 2, 1.5)),
            _ => 1 / (Math.Pow(3, 1.5) * Math.PI * Math.PI * Math.Pow(1 + square / 3, 2)),
        };
        double Normal(double square) => Math.Exp(-0.5 * square) / Math.Pow(2 * Math.PI, features / 2.0);
        double[] far = [0, 0.5, 2, 5, 7.5, 8, 8.5, 30, 1e3, 1e6, 1e12];
        float[] latents = [.. far.SelectMany(value => Enumerable.Range(0, features).Select(j => (float)(j % 2 == 0 ? value : -value)))];
        foreach (bool clusters in new[] { false, true })
        {
            // of a cluster in the midst hardly anything reaches the rows that are asked for, but its weight is not the normal's
            LatentMixture mixture = clusters
                ? new(features, [0.3f], [.. new float[features]], [.. Enumerable.Repeat(0.1f, features)], weight)
                : new(features, [], [], [], weight);
            double[] expected = [.. far.Select(value => features * value * value).Select(square => Math.Log(weight * Tail(square)
                + (1 - weight - (clusters ? 0.3f : 0)) * Normal(square)
                + (clusters ? 0.3f * Normal(square * 100) * Math.Pow(10, features) : 0)))];
            var model = new FlowModel(FlowShape.Vector(features), [new Standardization([.. new float[features]],
                [.. Enumerable.Repeat(1f, features)]), mixture]);
            float[] found = Graphs.Run(model.BuildDensityGraph(), "Features", latents, features, "LogLikelihood")[0];
            using DisposeScope scope = NewDisposeScope();
            var module = new LatentMixtureModule(mixture);
            module.to(ScalarType.Float64);
            double[] torch = [.. module.LogDensity(tensor(latents, [far.Length, features]).to(ScalarType.Float64)).data<double>()];
            for (int i = 0; i < far.Length; i++)
            {
                Assert.Equal(expected[i], torch[i], 1e-6 + 1e-6 * Math.Abs(expected[i]));
                Assert.Equal(expected[i], found[i], 1e-5 + 1e-6 * Math.Abs(expected[i]));
            }
            using var file = new MemoryStream();
            model.Save(file);
            Assert.Equal(6, file.ToArray()[8]);
            file.Position = 0;
            var loaded = (LatentMixture)FlowModel.Load(file).Steps[^1];
            Assert.Equal((features, weight, clusters ? 1 : 0), (loaded.Features, loaded.TailWeight, loaded.Weights.Length));
        }
    }

    /// <summary>The fewer rows train, the more of what comes is unlike all of them; a copy says nothing more.</summary>
    [Theory, InlineData(10, 10, 0.01), InlineData(60, 60, 0.0025), InlineData(300, 60, 0.0025), InlineData(1500, 1500, 1e-5)]
    public void The_tail_weighs_more_after_few_rows(int rows, int different, double weight)
    {
        float[][] drawn = [.. Tables.Gaussian(different, 2, 1)];
        using RealNvpTransformer flow = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Steps = 2, ValidationFraction = 0, CalibrationFraction = 0,
        }).Fit(Tables.Load(_ml, Enumerable.Range(0, rows).Select(i => drawn[i % different])));
        Assert.Equal(weight, ((LatentMixture)flow.Model.Steps[^1]).TailWeight, 1e-12);
    }

    /// <summary>Of many values a Cauchy of width 1 would be above the normal in the midst, by a thousand nats of 512.</summary>
    [Theory, InlineData(1), InlineData(30), InlineData(512)]
    public void In_the_midst_the_tail_is_nothing(int features)
    {
        var model = new FlowModel(FlowShape.Vector(features), [new Standardization([.. new float[features]],
            [.. Enumerable.Repeat(1f, features)]), new LatentMixture(features, [], [], [], 1e-13)]);
        float[] sizes = [0, 0.1f, 0.5f, 1, 1.2f];
        float[] found = Graphs.Run(model.BuildDensityGraph(), "Features",
            [.. sizes.SelectMany(size => Enumerable.Repeat(size, features))], features, "LogLikelihood")[0];
        for (int i = 0; i < sizes.Length; i++)
        {
            double normal = -0.5 * features * (sizes[i] * sizes[i] + Math.Log(2 * Math.PI));
            Assert.Equal(normal, found[i], 1e-5 + 1e-6 * Math.Abs(normal));
        }
    }

    /// <summary>
    /// The second value is the first and hardly anything beside: rows that are not so, and are not among the training rows, would cost
    /// thousands of nats each by a normal's log-density, so that by the mean the untrained flow were the better one.
    /// </summary>
    [Fact]
    public void A_trained_flow_is_no_worse_than_an_untrained_one_on_rows_of_which_one_is_far()
    {
        var random = new Random(1);
        float[] Row(double off)
        {
            double x = Tables.Normal(random);
            return [(float)x, (float)(x + off + 0.002 * Tables.Normal(random)), (float)Math.Exp(Tables.Normal(random))];
        }
        float[][] rows = [.. Enumerable.Range(0, 400).Select(_ => Row(0))];
        float[][] heldOut = [.. Enumerable.Range(0, 199).Select(_ => Row(0)), Row(3)];
        double Mean(long steps, float rate)
        {
            using RealNvpTransformer flow = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = steps,
                LearningRate = rate, Noise = 0, Seed = 1 }).Fit(Tables.Load(_ml, rows));
            return flow.LogLikelihoods(heldOut).Average(value => (double)value);
        }
        double untrained = Mean(1, 1e-9f);
        Assert.InRange(Mean(600, 2e-3f), untrained + 1, untrained + 10);
    }

    [Fact]
    public void Far_rows_have_finite_scores_and_the_file_keeps_the_mixture()
    {
        float[] rows = [float.MaxValue, 0, 1e20f, -1e20f, -1e6f, 1e6f];
        float[] found = Graphs.Run(s_model.BuildDensityGraph(), "Features", rows, 2, "LogLikelihood")[0];
        Assert.All(found, value => Assert.True(float.IsFinite(value)));
        using var file = new MemoryStream();
        s_model.Save(file);
        Assert.Equal(5, file.ToArray()[8]); // older versions of the library say that they do not know it
        file.Position = 0;
        var loaded = (LatentMixture)FlowModel.Load(file).Steps[^1];
        Assert.Equal(s_mixture.Weights, loaded.Weights);
        Assert.Equal(s_mixture.Means, loaded.Means);
        Assert.Equal(s_mixture.Deviations, loaded.Deviations);
    }

    [Theory]
    [InlineData(new float[] { }, new float[] { }, new float[] { }, "found 0, 0 and 0")]
    [InlineData(new[] { 0.5f }, new float[] { 0, 0 }, new[] { 0.5f }, "found 1, 2 and 1")]
    [InlineData(new[] { 0.5f, 0.5f }, new float[] { 0, 0 }, new[] { 0.5f, 0.5f }, "below 1")]
    [InlineData(new[] { 0f }, new float[] { 0 }, new[] { 0.5f }, "positive")]
    [InlineData(new[] { float.NaN }, new float[] { 0 }, new[] { 0.5f }, "positive")]
    [InlineData(new[] { 0.5f }, new[] { float.NaN }, new[] { 0.5f }, "finite means")]
    [InlineData(new[] { 0.5f }, new float[] { 0 }, new[] { 1f }, "below 1")]
    [InlineData(new[] { 0.5f }, new float[] { 0 }, new[] { 1e-30f }, "at most 40")]
    public void Other_numbers_are_refused(float[] weights, float[] means, float[] deviations, string reason)
        => Assert.Contains(reason, Assert.Throws<FlowModelException>(() => new LatentMixture([.. weights], [.. means], [.. deviations]))
            .Message, StringComparison.Ordinal);

    [Fact]
    public void Rows_are_drawn_from_the_mixture()
    {
        const int Count = 40_000;
        using var transformer = new RealNvpTransformer(_ml, s_model);
        float[][] rows = [.. transformer.Sample(Count, seed: 3).GetColumn<float[]>("Features")];
        double[][] latents = [.. rows.Select(row => new[] { (row[0] - 1) / 0.5, (row[1] - 2.0) / 3 })];
        // the first component is alone where it is: within two of its deviations lie 0.9545 squared of it
        bool IsNear(double[] z) => Math.Abs(z[0] - 1) < 0.2 && Math.Abs(z[1] + 1) < 0.4;
        double share = latents.Count(IsNear) / (double)Count, expected = 0;
        for (int i = 0; i < 100; i++)
        {
            for (int j = 0; j < 100; j++)
                expected += Density(0.8 + 0.004 * (i + 0.5), -1.4 + 0.008 * (j + 0.5)) * 0.004 * 0.008;
        }
        Assert.Equal(expected, share, 4 * Math.Sqrt(expected / Count));
        // means of the mixture: 0.2 * (1, -1) + 0.3 * (-0.5, 0.25) + 0.1 * (0, 2)
        Assert.Equal(0.05, latents.Average(z => z[0]), 0.02);
        Assert.Equal(0.075, latents.Average(z => z[1]), 0.02);
    }

    [Fact]
    public void A_fit_finds_clusters_and_makes_none_of_single_rows()
    {
        WeightedRows training = Clusters(800, seed: 1), validation = Clusters(200, seed: 2);
        LatentMixture mixture = Fit(training, new float[800], validation, 40)!;
        Assert.InRange(LatentMixtureFit.Gain(mixture, validation), 0.5, LatentMixtureFit.Gain(mixture, training) + 0.3);
        float[] hole = [0, 0], cluster = [1, 1], alone = [training.Values[0], training.Values[1]];
        Assert.True(mixture.LogGain(cluster) > 1, "A cluster is more likely than a normal has it.");
        Assert.True(mixture.LogGain(hole) < -1, "The hole between clusters is less likely.");
        Assert.True(mixture.LogGain(alone) < 0, "One row makes no component.");
        WeightedRows oneIsHeavy = training with { Weights = [20, .. training.Weights.Skip(1)] };
        Assert.True(Fit(oneIsHeavy, new float[800], validation, 40)!.LogGain(alone) < 0, "A heavy one makes none either.");

        LatentMixture held = Fit(training, new float[800], validation, 1)!;
        for (int k = 0; k < held.Weights.Length; k++)
            Assert.True(Gain(held, k) <= 1.001);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_cluster_of_rows_that_are_unlikely_or_were_at_the_start_is_held_to_less(bool atTheStart)
    {
        static WeightedRows Apart(WeightedRows rows)
            => rows with { Values = Array.ConvertAll(rows.Values, value => value + 2 * Math.Sign(value)) };
        WeightedRows training = Apart(Clusters(800, seed: 1)), validation = Apart(Clusters(200, seed: 2));
        static bool IsStrange(ReadOnlySpan<float> z) => z[0] > 0 && z[1] > 0;
        float[] logLikelihoods = [.. Enumerable.Range(0, 800).Select(row => IsStrange(training.Row(row)) ? -9f : -2f)];
        double share = logLikelihoods.Count(value => value < -5) / 800.0;
        for (int row = 0; row < 800; row++) // one in ten, however many they are
            training.Weights[row] = (float)(logLikelihoods[row] < -5 ? 0.1 / share : 0.9 / (1 - share));
        float[] alike = new float[800];
        LatentMixture mixture = LatentMixtureFit.Of(training, atTheStart ? [alike, logLikelihoods] : [logLikelihoods, alike], validation,
            bound: 40, tailWeight: 0, seed: 1)!;
        int[] strange = [.. Enumerable.Range(0, mixture.Weights.Length).Where(k => IsStrange(mixture.ComponentMeans(k)))];
        Assert.NotEmpty(strange);
        Assert.All(strange, k => Assert.True(Gain(mixture, k) <= 3.001));
        Assert.Contains(Enumerable.Range(0, mixture.Weights.Length).Except(strange), k => Gain(mixture, k) > 3.5);
    }

    private static LatentMixture? Fit(WeightedRows training, float[] logLikelihoods, WeightedRows validation, double bound,
        double tailWeight = 0) => LatentMixtureFit.Of(training, [logLikelihoods], validation, bound, tailWeight, seed: 1);

    /// <summary>The most that a component adds to the log-density.</summary>
    private static double Gain(LatentMixture mixture, int k)
        => Math.Log(mixture.Weights[k]) + LatentMixture.GainOf(mixture.ComponentMeans(k), mixture.ComponentDeviations(k));

    [Fact]
    public void Latents_that_are_normal_stay_so_and_few_validation_rows_choose_nothing()
    {
        static WeightedRows Normal(int count, int seed)
        {
            var random = new Random(seed);
            return new([.. Enumerable.Range(0, 3 * count).Select(_ => (float)Tables.Normal(random))], [.. Enumerable.Repeat(1f, count)], 3);
        }
        Assert.Null(Fit(Normal(1000, 1), new float[1000], Normal(300, 2), 3));
        Assert.Null(Fit(Clusters(800, 1), new float[800], Clusters(9, 2), 3));
    }

    [Fact]
    public void Copies_of_training_rows_choose_no_mixture()
    {
        float[][] rows = [.. Enumerable.Repeat(Grid(120, seed: 1), 6).SelectMany(copy => copy)];
        using RealNvpTransformer flow = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Seed = 1, Steps = 20 })
            .Fit(Tables.Load(_ml, rows));
        Assert.DoesNotContain(flow.Model.Steps, step => step is LatentMixture { Weights.IsEmpty: false });
    }

    [Fact]
    public void Components_that_are_held_to_next_to_no_weight_make_no_number_that_is_none()
    {
        // of 24 features a tenth wide: e^55 times the normal's density, and held to e^12 of it, so that 1 less their weight is 1
        static WeightedRows Tight(int count)
            => new([.. Enumerable.Range(0, count).SelectMany(i => Enumerable.Repeat(i % 3 * 0.3f - 0.3f, 24))],
                [.. Enumerable.Repeat(1f, count)], 24);
        LatentMixture mixture = Fit(Tight(96), new float[96], Tight(30), 12)!;
        Assert.InRange(LatentMixtureFit.Gain(mixture, Tight(30)), 5, 12 + Math.Log(12)); // twelve components at most
        Assert.True(mixture.Weights.Sum() < 1e-16, "The case is to be one of next to no weight.");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Latents_that_are_not_finite_are_left_out(float value)
    {
        static WeightedRows With(WeightedRows rows, float value) => new([.. rows.Values, value, 0], [.. rows.Weights, 1], 2);
        LatentMixture expected = Fit(Clusters(800, 1), new float[800], Clusters(200, 2), 12)!;
        WeightedRows training = With(Clusters(800, 1), value), validation = With(Clusters(200, 2), value);
        LatentMixture mixture = Fit(training, [.. new float[800], float.NegativeInfinity], validation, 12)!;
        Assert.Equal(expected.Weights, mixture.Weights);
        Assert.Equal(expected.Means, mixture.Means);
        Assert.True(double.IsFinite(LatentMixtureFit.Gain(mixture, validation)));
    }

    [Fact]
    public void The_checkpoint_of_the_end_has_the_mixture()
    {
        using var folder = new TemporaryFolder();
        float[][] rows = Grid(700, seed: 1);
        RealNvpTransformer Fit(bool resumes) => _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Seed = 1, Steps = 60, Checkpoints = new(folder.Root) { Resume = resumes },
        }).Fit(Tables.Load(_ml, rows));
        using RealNvpTransformer fitted = Fit(false), resumed = Fit(true);
        Assert.IsType<LatentMixture>(fitted.Model.Steps[^1]);
        FlowModel model = FlowModel.FromCheckpoint(folder.Root);
        using RealNvpTransformer found = _ml.Transforms.ApplyRealNvp(model).Fit(Tables.Load(_ml, rows));
        Assert.Equal(fitted.LogLikelihoods(rows), found.LogLikelihoods(rows));
        Assert.Equal(fitted.LogLikelihoods(rows), resumed.LogLikelihoods(rows));
        foreach (string key in (string[])["latent_components", "training_log_likelihood", "validation_log_likelihood"])
            Assert.Equal(fitted.Model.Metadata.Training[key], model.Metadata.Training[key]);
    }

    [Fact]
    public void A_table_of_clusters_is_told_better_and_the_summary_says_so()
    {
        float[][] rows = Grid(700, seed: 1), fresh = Grid(300, seed: 2);
        RealNvpTransformer Fit(double bound) => _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Seed = 1, Steps = 300, Table = new() { MixtureBound = bound },
        }).Fit(Tables.Load(_ml, rows));
        using RealNvpTransformer mixed = Fit(3), plain = Fit(0);
        Assert.IsType<LatentMixture>(mixed.Model.Steps[^1]);
        Assert.DoesNotContain(plain.Model.Steps, step => step is LatentMixture);
        Assert.True(int.Parse(mixed.Model.Metadata.Training["latent_components"]) > 1);
        double gain = mixed.LogLikelihoods(fresh).Average() - plain.LogLikelihoods(fresh).Average();
        Assert.InRange(gain, 0.1, 10);
        Assert.Equal(mixed.LogLikelihoods(rows).Average(), double.Parse(mixed.Model.Metadata.Training["training_log_likelihood"],
            System.Globalization.CultureInfo.InvariantCulture), 0.3); // which is of eight tenths of them
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void What_is_told_of_validation_rows_is_what_they_have_with_a_mixture_and_rows_in_the_tail_too(int seed)
    {
        // one row in ten is far from all others: nothing but the tail speaks of it
        static float[][] Rows(int count, int seed)
            => [.. Grid(count, seed).Select((row, i) => i % 10 == 0 ? [row[0] + 20 * i, row[1] - 7 * i] : row)];
        float[][] rows = Rows(400, seed), validation = [.. Rows(60, seed + 10), .. rows[..20]]; // copies choose nothing, and count
        using RealNvpTransformer flow = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Seed = seed, Steps = 300, Validation = Tables.Load(_ml, validation),
        }).Fit(Tables.Load(_ml, rows));
        Assert.True(((LatentMixture)flow.Model.Steps[^1]).Weights.Length > 1);
        Assert.Equal(flow.LogLikelihoods(validation).Average(), double.Parse(
            flow.Model.Metadata.Training["validation_log_likelihood"], System.Globalization.CultureInfo.InvariantCulture), 2e-3);
    }

    /// <summary>The mixture's density by its formula.</summary>
    private static double Density(double x, double y)
    {
        static double Gaussian(double value, double mean, double deviation)
            => Math.Exp(-0.5 * Math.Pow((value - mean) / deviation, 2)) / (deviation * Math.Sqrt(2 * Math.PI));
        return 0.4 * Gaussian(x, 0, 1) * Gaussian(y, 0, 1)
            + 0.2 * Gaussian(x, 1, 0.1) * Gaussian(y, -1, 0.2)
            + 0.3 * Gaussian(x, -0.5, 0.5) * Gaussian(y, 0.25, 0.3)
            + 0.1 * Gaussian(x, 0, 0.9) * Gaussian(y, 2, 0.15);
    }

    /// <summary>Four clusters at (+-1, +-1), after a first row that is alone at (3, -3).</summary>
    private static WeightedRows Clusters(int count, int seed)
    {
        var random = new Random(seed);
        float[] values = [.. Enumerable.Range(0, count).SelectMany(i => i == 0 ? new float[] { 3, -3 } : [
            (float)(i % 2 * 2 - 1 + 0.1 * Tables.Normal(random)), (float)(i / 2 % 2 * 2 - 1 + 0.1 * Tables.Normal(random))])];
        return new(values, [.. Enumerable.Repeat(1f, count)], 2);
    }

    /// <summary>Rows near the points of a grid of three by three.</summary>
    private static float[][] Grid(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new[] {
            (float)(random.Next(3) + 0.03 * Tables.Normal(random)), (float)(random.Next(3) + 0.03 * Tables.Normal(random)) })];
    }
}
