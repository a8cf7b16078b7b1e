using RealNvp.ML.Export;
using RealNvp.ML.Tests.Exports;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Freezing;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Frozen flows and their probes, above all of densities so sharp that float32 barely follows them.</summary>
public sealed class FlowFreezerTests
{
    private static readonly FlowShape s_shape = FlowShape.Image(1, 4, 4);
    private readonly List<string> _warnings = [];

    /// <summary>
    /// Without a choice of probes 300 and 900 fail the parity check; 100 fails it where the logit is computed in float32 too.
    /// </summary>
    [Theory, InlineData(1, false), InlineData(300, true), InlineData(900, true)]
    public void A_sharp_density_has_probes_that_a_right_graph_passes_and_a_wrong_one_fails(double sharpness, bool warns)
    {
        using Flow flow = Sharp(sharpness);
        FlowModel model = FlowFreezer.Freeze([flow], s_shape, FlowMetadata.Empty, 1, _warnings.Add,
            cancellation: TestContext.Current.CancellationToken);
        FlowParity.Check(model, TestContext.Current.CancellationToken);
        Assert.Equal(warns, _warnings.Any(message => message.Contains("float32 does not follow it everywhere", StringComparison.Ordinal)));
        Assert.Equal(ProbeSet.StandardCount, model.Probes.Count);

        using Flow other = Sharp(sharpness * 1.01);
        FlowModel wrong = FlowFreezer.Freeze([other], s_shape, FlowMetadata.Empty, 1, _ => { },
            cancellation: TestContext.Current.CancellationToken);
        Assert.Throws<FlowParityException>(() => FlowParity.CheckDensity(model, wrong.BuildDensityGraph()));
    }

    [Fact]
    public void Probes_have_the_latents_of_the_formulas()
    {
        using Flow flow = Sharp(30);
        FlowModel model = FlowFreezer.Freeze([flow], s_shape, FlowMetadata.Empty, 1, _warnings.Add,
            cancellation: TestContext.Current.CancellationToken);
        for (int row = 0; row < model.Probes.Count; row++)
        {
            double[] expected = ReferenceFlow.Latent(model, [.. model.Probes.Rows.AsSpan().Slice(row * 16, 16)]);
            for (int i = 0; i < 16; i++)
                // weights are rounded to float32 once
                Assert.Equal(expected[i], model.Probes.Latents[row * 16 + i], 1e-5 * Math.Max(1, Math.Abs(expected[i])));
        }
        Assert.Contains(0f, model.Probes.Rows);
        Assert.Contains(255f, model.Probes.Rows);
    }

    /// <summary>
    /// Where TorchSharp converts a parameter with a gradient, it asks the old gradient a last question while nothing holds it: whenever
    /// garbage is collected in that moment the process ends. Gradients that are gone are not converted.
    /// </summary>
    [Fact]
    public void Gradients_of_the_last_step_are_let_go_before_a_flow_is_converted()
    {
        using Flow flow = Sharp(1);
        using (NewDisposeScope())
            flow.LogLikelihood(zeros(2, 16, dtype: ScalarType.Float32)).sum().backward();
        Assert.Contains(flow.parameters(), HasGradient);
        FlowFreezer.Freeze([flow], s_shape, FlowMetadata.Empty, 1, _ => { }, cancellation: TestContext.Current.CancellationToken);
        Assert.DoesNotContain(flow.parameters(), HasGradient);

        static bool HasGradient(Tensor parameter)
        {
            using Tensor? gradient = parameter.grad;
            return gradient is not null;
        }
    }

    [Fact]
    public void Of_several_candidates_the_one_that_float32_follows_best_is_a_probe()
    {
        var choice = new ProbeChoice(2);
        // place 0: off by half of what is allowed, then by less; place 1: exact, then not a number
        choice.Add([1, 2], ([0.5, 0], [-1, -1]), [([0.50005f, 0], [-1, -1], [1, 2])]);
        Assert.False(choice.IsSettled);
        choice.Add([3, 4], ([0.25, 0], [-2, -2]), [([0.25f, float.NaN], [-2, -2], [3, 4]), ([0.25001f, 0], [-2, -2], [3, 4])]);
        Assert.True(choice.IsSettled);
        Assert.Equal(0, choice.Strayed);
        ProbeSet probes = choice.ToProbes();
        Assert.Equal([3f, 2f], probes.Rows);
        Assert.Equal([0.25, 0], probes.Latents);
        Assert.Equal([-2.0, -1], probes.LogLikelihoods);

        var strayed = new ProbeChoice(1);
        strayed.Add([1], ([0.5], [0]), [([0.5f], [0], [1]), ([0.5002f], [0], [1])]); // one rounding of several is enough
        Assert.Equal(1, strayed.Strayed);
    }

    [Theory, InlineData(1, new float[] { 1, 2, 3, 5, 6, 7, 8 }), InlineData(2, new float[] { 1, 2, 5, 6, 7, 8 })]
    public void Where_float32_follows_no_candidate_nothing_is_asked_of_a_graph(int members, float[] expected)
    {
        double[] latents = new double[8];
        float[] rows = [1, 2, 3, 4, 5, 6, 7, 8], rounded = new float[8];
        rounded[3] = 0.01f; // a hundred times what is allowed
        Assert.Equal(expected, Chosen(rows, rounded, rows));

        Assert.Equal(expected, Chosen([1, 2, 3, -float.MaxValue, 5, 6, 7, 8], new float[8], rows)); // held at the largest float

        // then the graph is asked all the same, and training ends with what is wrong
        Assert.Equal([1, 2], Chosen(rows, [.. Enumerable.Range(1, 8).Select(i => 0.01f * i)], rows));

        Assert.Empty(Chosen(Enumerable.Repeat(float.MaxValue, 8).ToArray(), new float[8], rows));

        float[] Chosen(float[] candidates, float[] found, float[] back)
        {
            var choice = new ProbeChoice(8);
            choice.Add(candidates, (latents, new double[8]), [(found, new float[8], back)]);
            return [.. choice.ToProbes(members).Rows];
        }
    }

    /// <summary>
    /// Of a steep inverse, as over heavy tails, float32 may tell densities to a millionth and samples not: a graph of the same flow cannot
    /// do better.
    /// </summary>
    [Fact]
    public void Where_float32_does_not_find_the_way_back_nothing_is_asked_of_a_graph()
    {
        // the column's deviation over these is 2.3, and 3.5e5 with the last one; 1e-4 of that is allowed
        float[] rows = [1, 2, 3, 4, 5, 6, 7, 1e6f];
        Assert.Equal(rows, Chosen([1, 2, 3.1f, 4, 5, 6, 7, 1e6f])); // 0.1 is nothing beside the last one
        Assert.Equal([1, 2, 4, 5, 6, 7], Chosen([1, 2, 3.1f, 4, 5, 6, 7, 1.0002e6f])); // without it, it is much
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], Chosen([1, 2, 3.00001f, 4, 5, 6, 7, float.PositiveInfinity]));
        Assert.Empty(Chosen([.. Enumerable.Repeat(float.NaN, 8)]));

        float[] Chosen(float[] back)
        {
            var choice = new ProbeChoice(8);
            choice.Add(rows, (new double[8], new double[8]), [(new float[8], new float[8], rows), (new float[8], new float[8], back)]);
            return [.. choice.ToProbes().Rows];
        }
    }

    [Fact]
    public void Of_pixels_the_range_of_their_levels_is_the_unit()
    {
        float[] rows = [0, 0, 0, 1];
        foreach ((double? range, int expected) in new (double?, int)[] { (256, 4), (null, 3) })
        {
            var choice = new ProbeChoice(4, range);
            choice.Add(rows, (new double[4], new double[4]), [(new float[4], new float[4], [0, 0.01f, 0, 1])]);
            Assert.Equal(expected, choice.ToProbes().Count);
        }
    }

    [Fact]
    public void The_elements_of_a_latent_share_its_tolerance()
    {
        Assert.Equal(1e-4, FlowParity.LatentTolerance([0.1, 0.2]), 1e-12);
        Assert.Equal(5e-4, FlowParity.LatentTolerance([3, 0, 4]), 1e-12);
    }

    [Fact]
    public void The_features_of_a_row_share_the_rounding_of_its_length()
    {
        const int size = 400; // a column of deviation 0.05 among others of 1
        var random = new Random(1);
        float[] rows = [.. Enumerable.Range(0, 64 * size)
            .Select(i => i % size == 7 ? 0.05f * (i / size % 2 * 2 - 1) : random.NextSingle())];
        FlowModel model = Tests.Measuring.Flows.Random(features: size, couplings: 2, hidden: 4);
        Func<int, double, double> allowed = FlowParity.FeatureTolerance(new(model.InputShape, model.Steps, model.Calibration,
            model.Metadata, new ProbeSet([.. rows], [.. new double[64]], [.. new double[rows.Length]])));
        Assert.Equal(1e-4 * 0.05 * 20, allowed(7, 0.05), 1e-7);
        Assert.Equal(1e-4 * 5, allowed(7, 5), 1e-5); // an odd value may be off by as much as it is odd
    }

    [Fact]
    public void A_failed_check_after_training_hands_the_flow_over_and_says_what_to_do()
    {
        using Flow flow = Sharp(1);
        FlowModel model = FlowFreezer.Freeze([flow], s_shape, FlowMetadata.Empty, 1, _warnings.Add,
            cancellation: TestContext.Current.CancellationToken);
        RealNvpTrainer.RequireParity(model, null, () => FlowParity.Check(model, TestContext.Current.CancellationToken));
        FlowModel damaged = new(s_shape, model.Steps, model.Calibration, model.Metadata,
            new ProbeSet(model.Probes.Rows, model.Probes.LogLikelihoods, model.Probes.Latents.SetItem(5, 77)));
        FlowParityException error = Assert.Throws<FlowParityException>(()
            => RealNvpTrainer.RequireParity(damaged, "kept-here", () => FlowParity.Check(damaged, TestContext.Current.CancellationToken)));
        Assert.Equal(("Latent", 0, 77.0), (error.Output, error.Row, error.Expected));
        Assert.Same(damaged, error.Model);
        foreach (string advice in new[] { "Model is the trained flow", "'kept-here'", "Dropout", "Levels" })
            Assert.Contains(advice, error.Message, StringComparison.Ordinal);
        using var file = new MemoryStream();
        error.Model!.Save(file);
        file.Position = 0;
        Assert.Equal(77, FlowModel.Load(file).Probes.Latents[5]);
    }

    /// <summary>A flow of random weights whose batch norms magnify as those of images do that hardly differ.</summary>
    private static Flow Sharp(double magnification)
    {
        Flow flow = ImageFlowTests.Fresh(s_shape, new ImageFlowOptions { Scales = 1, BaseWidth = 8, Blocks = 1 });
        RandomState.Set(flow, 0.6);
        flow.to(ScalarType.Float32); // as training leaves it
        using IDisposable guard = no_grad();
        foreach ((int i, ImageBatchNormModule norm) in flow.Steps.OfType<ImageBatchNormModule>().Index())
        {
            double scale = i < 2 ? Math.Min(magnification, 90) : Math.Max(1, magnification / 90); // no norm has more than 100
            norm.state_dict()["runningVariance"].fill_(1 / (scale * scale) - 1e-4);
            norm.state_dict()["runningMean"].zero_();
        }
        return flow;
    }
}
