using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>Trained flows p(features | condition) against densities that are known.</summary>
public sealed class ConditionalDensityTests
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>
    /// x = a c + b + L e with standard normal e: the mean of x given c moves with c, its covariance stays L L^T. From samples of each of
    /// several conditions both come back: means to 2 % of the standard deviations that x has over all conditions, the deviations given c
    /// to 2 %, the correlation over all of them to 0.02.
    /// </summary>
    [Fact]
    public void A_linear_Gaussian_has_the_mean_and_covariance_that_are_known()
    {
        static ConditionalRow Row(Random random)
        {
            double c = 3 + 2 * Tables.Normal(random), d = random.Next(2);
            double e = Tables.Normal(random), f = Tables.Normal(random);
            return new() { Features = [(float)Mean(c, d)[0] + (float)e, (float)(Mean(c, d)[1] + 10 * (0.6 * e + 0.8 * f))],
                Condition = [(float)c, (float)d] };
        }
        static double[] Mean(double c, double d) => [1.5 * c - 4 + d, -10 * c + 100 - 8 * d];
        var random = new Random(1);
        using RealNvpTransformer flow = Conditional.Fit(_ml, Enumerable.Range(0, 60_000).Select(_ => Row(random)), 4000, options =>
        {
            options.Table = new()
            {
                Activation = Export.Nets.Activation.Tanh, Mixing = FeatureMixing.Linear, HiddenUnits = 16, Couplings = 2,
            };
            options.BatchSize = 512;
            options.Optimizer = new() { AveragedWeights = 0.999 };
            options.ValidationFraction = 0;
        });
        (double, double)[] conditions = [(1, 0), (3, 1), (5, 0), (4, 1)];
        const int Each = 20_000;
        float[][] drawn = [.. flow.Sample(Conditional.Load(_ml, conditions.Select(given => new ConditionalRow
            { Features = [0, 0], Condition = [(float)given.Item1, (float)given.Item2] })), Each, seed: 2).GetColumn<float[]>("Features")];
        double[] spread = [Math.Sqrt(9 + 0.25 + 1), Math.Sqrt(400 + 16 + 100)];
        double correlation = 0;
        foreach ((int i, (double c, double d)) in conditions.Index())
        {
            float[][] rows = drawn[(i * Each)..((i + 1) * Each)];
            double[] mean = [rows.Average(row => (double)row[0]), rows.Average(row => (double)row[1])];
            for (int j = 0; j < 2; j++)
                Assert.InRange(Math.Abs(mean[j] - Mean(c, d)[j]) / spread[j], 0, 0.02);
            double Covariance(int j, int k) => rows.Average(row => (row[j] - mean[j]) * (row[k] - mean[k]));
            Assert.InRange(Math.Sqrt(Covariance(0, 0)), 0.98, 1.02);
            Assert.InRange(Math.Sqrt(Covariance(1, 1)) / 10, 0.98, 1.02);
            correlation += Covariance(0, 1) / 10 / conditions.Length;
        }
        Assert.InRange(correlation, 0.58, 0.62);
    }

    [Theory, InlineData(1), InlineData(2)]
    public void The_density_integrates_to_one_for_each_condition(int features)
    {
        var random = new Random(1);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 2000).Select(_ => Skewed(random, features))];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 300);
        const int Points = 161;
        foreach (float condition in new[] { -1f, 0, 0.7f, 1.5f })
        {
            // from -20 to 60 in each direction: the tails of a flow that was trained little are long
            ConditionalRow[] grid = [.. Enumerable.Range(0, features == 1 ? 16 * Points : Points * Points).Select(i => new ConditionalRow
            {
                Features = features == 1
                    ? [-20 + 80f * i / (16 * Points)]
                    : [-20 + 80f * (i % Points) / Points, -20 + 80f * (i / Points) / Points],
                Condition = [condition],
            })];
            double cell = features == 1 ? 80.0 / (16 * Points) : Math.Pow(80.0 / Points, 2);
            Assert.Equal(1, Conditional.LogLikelihoods(_ml, flow, grid).Sum(value => Math.Exp(value)) * cell, 0.02);
        }
    }

    /// <summary>One feature with a skewness that the condition changes: past a Gaussian whose mean and deviation are those of c.</summary>
    [Fact]
    public void One_feature_given_a_condition_is_more_than_a_Gaussian()
    {
        var random = new Random(1);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 6000).Select(_ => Skewed(random, 1))], test = rows[5000..];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows[..5000], 1500);
        double found = Conditional.LogLikelihoods(_ml, flow, test).Average();
        // x = 3 c + s g, g a gamma of shape 2, s = exp(c / 2): log p is known, and so is the Gaussian of the same mean and variance
        double truth = test.Average(row => Truth(row)), gaussian = test.Average(row =>
        {
            double s = Math.Exp(row.Condition[0] / 2), mean = 3 * row.Condition[0] + 2 * s, deviation = s * Math.Sqrt(2);
            return -0.5 * Math.Pow((row.Features[0] - mean) / deviation, 2) - Math.Log(deviation * Math.Sqrt(2 * Math.PI));
        });
        Assert.True(truth - gaussian > 0.1);
        Assert.InRange(found, gaussian + 0.6 * (truth - gaussian), truth + 0.01);

        static double Truth(ConditionalRow row)
        {
            double s = Math.Exp(row.Condition[0] / 2), g = (row.Features[0] - 3 * row.Condition[0]) / s;
            return Math.Log(g) - g - Math.Log(s);
        }
    }

    /// <summary>Noise in proportion to the deviation of all rows, 50 here, would make readings of a machine two and a half wide.</summary>
    [Theory, InlineData(0), InlineData(0.2)]
    public void Noise_is_in_proportion_to_what_the_condition_leaves(double dropout)
    {
        var random = new Random(1);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 4000).Select(i => new ConditionalRow
        {
            Features = [100 * (i % 2) + (float)Tables.Normal(random), (float)Tables.Normal(random)],
            Condition = [i % 2, (float)Tables.Normal(random)],
        })];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 1000, options
            => (options.ConditionDropout, options.Noise) = (dropout, 0.05));
        double[] drawn = [.. flow.Sample(Conditional.Load(_ml, [new() { Features = [0, 0], Condition = [0, 0] }]), 5000, seed: 2)
            .GetColumn<float[]>("Features").Select(row => (double)row[0])];
        double mean = drawn.Average(), deviation = Math.Sqrt(drawn.Average(value => (value - mean) * (value - mean)));
        Assert.InRange(mean, -0.2, 0.2);
        Assert.InRange(deviation, 0.9, 1.25);
    }

    /// <summary>
    /// A feature of two modes, whose map steepens outwards: from 13 deviations on a row was infinitely likely, and a held-out one
    /// chose the model or ended the training.
    /// </summary>
    [Fact]
    public void A_row_far_from_all_others_is_flagged_wherever_it_is()
    {
        var random = new Random(1);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 600).Select(i => new ConditionalRow
        {
            Features = [20 + 60 * (i % 2) + (float)Tables.Normal(random)], Condition = [(float)Tables.Normal(random)],
        })];
        ConditionalRow[] far = [.. Enumerable.Range(0, 160).Select(i => new ConditionalRow
        {
            Features = [(float)Math.Min(300 * Math.Pow(1.8, i), float.MaxValue) * (i % 2 == 0 ? 1 : -1)], Condition = [0],
        })];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 1000, options =>
        {
            (options.Table, options.Dropout, options.Noise) = (new(), null, 0.05); // the defaults
            (options.Validation, options.Calibration) = (Conditional.Load(_ml, [.. rows[..50], far[40]]),
                Conditional.Load(_ml, [.. rows[50..150], far[50]]));
        });
        Assert.All(Conditional.LogLikelihoods(_ml, flow, far), value => Assert.InRange(value, float.MinValue, -10));
        Assert.All(flow.Transform(Conditional.Load(_ml, far)).GetColumn<bool>("PredictedLabel"), Assert.True);
        Assert.True(int.Parse(flow.Model.Metadata.Training["kept_step"]) > 0);
    }

    [Fact]
    public void An_irrelevant_condition_changes_little()
    {
        (float[] plain, float[] conditional) = Compare(condition: random => [(float)Tables.Normal(random), random.Next(2)],
            options => options.ConditionColumnName = "Condition", row => row.Condition);
        Assert.InRange(conditional.Average(), plain.Average() - 0.05, plain.Average() + 0.05);
    }

    [Fact]
    public void Without_the_condition_a_flow_of_dropped_ones_is_the_marginal()
    {
        (float[] plain, float[] marginal) = Compare(condition: null, options =>
        {
            options.ConditionColumnName = "Condition";
            options.ConditionDropout = 0.3;
        }, _ => [float.NaN]);
        Assert.InRange(marginal.Average(), plain.Average() - 0.1, plain.Average() + 0.1);
    }

    /// <summary>
    /// Held-out log-likelihoods of a plain flow, and of one with options, whose condition says much of the rows unless it is given.
    /// </summary>
    private (float[] Plain, float[] Other) Compare(Func<Random, float[]>? condition, Action<RealNvpTrainer.Options> set,
        Func<ConditionalRow, float[]> scored)
    {
        var random = new Random(2);
        ConditionalRow[] rows = [.. Tables.Gaussian(6000, 3, 1).Select(row => new ConditionalRow
            { Features = row, Condition = condition?.Invoke(random) ?? [row[0] + row[1]] })];
        ConditionalRow[] test = rows[5000..];
        using RealNvpTransformer plain = Conditional.Fit(_ml, rows[..5000], 1200, options => options.ConditionColumnName = null);
        using RealNvpTransformer other = Conditional.Fit(_ml, rows[..5000], 1200, set);
        return (Conditional.LogLikelihoods(_ml, plain, test), Conditional.LogLikelihoods(_ml, other, test.Select(row => new ConditionalRow
            { Features = row.Features, Condition = scored(row) })));
    }

    /// <summary>x = 3 c + exp(c / 2) g, with g a gamma of shape 2; a second feature is a noisy copy of the first.</summary>
    private static ConditionalRow Skewed(Random random, int features)
    {
        double c = 0.5 + Tables.Normal(random) * 0.7, g = -Math.Log(1 - random.NextDouble()) - Math.Log(1 - random.NextDouble());
        double x = 3 * c + Math.Exp(c / 2) * g;
        return new() { Features = features == 1 ? [(float)x] : [(float)x, (float)(x + 2 * Tables.Normal(random))], Condition = [(float)c] };
    }
}
