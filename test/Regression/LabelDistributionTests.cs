using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Regression;

namespace RealNvp.ML.Tests.Regression;

/// <summary>Quantiles and means from nodes, beside what is known of normal distributions and their mixtures.</summary>
public sealed class LabelDistributionTests
{
    private static readonly double[] s_z = [.. Enumerable.Range(-32, 65).Select(i => i / 8.0)];
    private static readonly double[] s_weights = Weights();

    [Theory]
    [InlineData(0.0, 0.5)]
    [InlineData(1.0, 0.15865525393145705)]
    [InlineData(-2.5, 0.9937903346742238)]
    [InlineData(5.0, 2.866515718791939e-07)]
    [InlineData(12.0, 1.776482112077679e-33)]
    [InlineData(36.0, 4.182624065797386e-284)]
    public void The_normal_distribution_function_is_that_of_tables(double z, double upper)
    {
        Assert.Equal(1, NormalDistribution.Upper(z) / upper, 1e-8);
        if (z > 0)
            Assert.Equal(z, NormalDistribution.InverseUpper(upper), 1e-7);
    }

    [Fact]
    public void Means_far_beyond_all_held_out_labels_are_counted()
    {
        // labels from -1 to 1: -3 to 3 are no further off than these are from each other
        float[] labels = [-1, 1, 0, 0.5f], means = [2.9f, -2.9f, 3.1f, -1e30f];
        using var nodes = new OneNode(labels.Length);
        Assert.Equal(2, IntervalCalibration.Of(nodes, [.. labels.Zip(means).SelectMany(pair => new[] { pair.First, pair.Second })], 1, 1,
            labels.Length, CancellationToken.None).FarMeans);
    }

    /// <summary>Distributions whose mean is their row's only feature.</summary>
    private sealed class OneNode(int rows) : LabelNodes
    {
        public override float[] Features { get; } = new float[rows];

        protected override (double[] Weights, double[] Z) Nodes => ([0.5, 0.5], [-1, 1]);

        public override void Run(int count) { }

        protected override ReadOnlySpan<float> Values(int row, int label) => new[] { Features[row], Features[row] };

        public override void Dispose() { }
    }

    [Fact]
    public void One_normal_distribution_has_its_quantiles_places_and_mean()
    {
        float[] values = [.. s_z.Select(z => (float)(5 + 2 * z))];
        var distribution = new LabelDistribution(values, s_z);
        Assert.Equal(5, distribution.Mean(s_weights), 1e-5);
        foreach (double z in (double[])[0, 1.645, -1.2345, 3.99, -4, 7, -9]) // also beyond the nodes
        {
            Assert.Equal(5 + 2 * z, distribution.Quantile(z), 1e-5);
            Assert.Equal(z, distribution.Place(5 + 2 * z), 1e-5);
        }
        Assert.Equal(double.PositiveInfinity, distribution.Quantile(double.PositiveInfinity));
        Assert.Equal(double.NegativeInfinity, distribution.Quantile(double.NegativeInfinity));
    }

    [Fact]
    public void A_mixture_has_the_quantiles_of_its_distribution_function()
    {
        (double Mean, double Deviation)[] members = [(0, 1), (6, 0.5), (1, 3)];
        float[] values = [.. members.SelectMany(member => s_z.Select(z => (float)(member.Mean + member.Deviation * z)))];
        double Below(double x) => members.Average(member => 1 - Upper((x - member.Mean) / member.Deviation));
        var distribution = new LabelDistribution(values, s_z);
        Assert.Equal(members.Average(member => member.Mean), distribution.Mean(s_weights), 1e-5);
        foreach (double p in (double[])[0.001, 0.05, 0.3, 0.5, 0.62, 0.95, 0.999])
        {
            double x = distribution.Quantile(GaussianNoise.InverseNormal(p));
            Assert.Equal(p, Below(x), 1e-6);
            Assert.Equal(GaussianNoise.InverseNormal(p), distribution.Place(x), 1e-4);
        }
        Assert.Equal(8, distribution.Place(25), 0.3); // in the tail of the widest: a third of it
        // by numerical integration, independent of Hart's formula
        static double Upper(double z)
        {
            double sum = 0;
            const int Steps = 20_000;
            for (int i = 0; i < Steps; i++)
            {
                double at = z + (12 - z) * (i + 0.5) / Steps;
                sum += Math.Exp(-at * at / 2);
            }
            return z > 12 ? 0 : sum * (12 - z) / Steps / Math.Sqrt(2 * Math.PI);
        }
    }

    [Fact]
    public void What_is_not_a_number_stays_so_and_nodes_that_fall_together_do_not_divide_by_zero()
    {
        float[] none = [.. s_z.Select(_ => float.NaN)], same = [.. s_z.Select(_ => 3f)];
        Assert.Equal(double.NaN, new LabelDistribution(none, s_z).Quantile(0));
        Assert.Equal(double.NaN, new LabelDistribution(none, s_z).Quantile(double.PositiveInfinity));
        Assert.Equal(double.NaN, new LabelDistribution(none, s_z).Place(1));
        Assert.Equal(double.NaN, new LabelDistribution(none, s_z).Mean(s_weights));
        Assert.Equal(3, new LabelDistribution(same, s_z).Quantile(1));
        Assert.Equal(NormalDistribution.Farthest, new LabelDistribution(same, s_z).Place(4));
        Assert.Equal(-NormalDistribution.Farthest, new LabelDistribution(same, s_z).Place(2));
    }

    [Theory, InlineData(1), InlineData(3)]
    public void The_quantile_graph_gives_what_the_sampling_graph_gives_point_by_point(int members)
    {
        FlowModel model = Flow(members);
        float[][] conditions = [[0.3f, -1], [2, 0.5f], [-4, 9], [float.NaN, 0]];
        float[] latents = [-4, -1, 0, 0.5f, 3];
        float[] found = Quantiles(model.BuildQuantileGraph(), latents, conditions);
        for (int member = 0; member < members; member++)
        {
            for (int row = 0; row < conditions.Length; row++)
            {
                (string, float[])[] others = members > 1 ? [("Member", [.. latents.Select(_ => (float)member)])] : [];
                float[] expected = ConditionGraphTests.Run(model.BuildSamplingGraph(), "Latent", [.. latents.Select(z => (float[])[z])],
                    [.. latents.Select(_ => conditions[row])], others)["Features"];
                for (int i = 0; i < latents.Length; i++)
                {
                    float quantile = found[(row * members + member) * latents.Length + i];
                    Assert.Equal(row == 3, float.IsNaN(quantile));
                    Assert.True(row == 3 || MathF.Abs(expected[i] - quantile) <= 1e-4f * MathF.Max(1, MathF.Abs(expected[i])));
                }
            }
        }
        Assert.Throws<InvalidOperationException>(() => Flows.Random().BuildQuantileGraph());
    }

    private static float[] Quantiles(byte[] graph, float[] latents, float[][] conditions)
    {
        using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(graph);
        using var latent = Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory(latents, [1, latents.Length]);
        using var condition = Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory<float>(
            [.. conditions.SelectMany(row => row)], [conditions.Length, 2]);
        using var options = new Microsoft.ML.OnnxRuntime.RunOptions();
        using var results = session.Run(options, ["Latent", "Condition"], [latent, condition], ["Features"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static FlowModel Flow(int members) => new(FlowShape.Vector(1), [.. Enumerable.Range(1, members).Select(seed =>
    {
        var steps = new RandomSteps(1, seed);
        FlowStep Coupling() => steps.Coupling(new CouplingMask([], [0]), 2, Activation.Tanh, 2);
        return (FlowStep[])[steps.Standardization(), new TailCompression(10), steps.Marginals(), Coupling(), steps.Marginals(), Coupling(),
            new TailCompression(1.5f)];
    })], condition: new FlowCondition([0, 1], [1, 2]));

    private static double[] Weights()
    {
        double[] densities = [.. s_z.Select(z => Math.Exp(-z * z / 2))];
        return [.. densities.Select(density => density / densities.Sum())];
    }
}
