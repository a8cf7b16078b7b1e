using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The whole multi-scale flow, with every parameter and running statistic at random values.</summary>
public sealed class ImageFlowTests
{
    private static readonly ImageFlowOptions s_small = new() { Scales = 2, BaseWidth = 3, Blocks = 1, LevelWidth = 1 };

    private static readonly Dictionary<string, (FlowShape Shape, ImageFlowOptions Options)> s_flows = new()
    {
        ["grey"] = (FlowShape.Image(1, 4, 4), s_small with { Levels = 17 }),
        ["colour"] = (FlowShape.Image(3, 4, 4), s_small with { LevelWidth = 1 / 255f }),
        ["one scale"] = (FlowShape.Image(1, 4, 3), s_small with { Scales = 1 }),
        ["no batch norm"] = (FlowShape.Image(1, 4, 4), s_small with { BatchNorm = false }),
        ["shaped noise, linear maps"] = (FlowShape.Image(3, 4, 4),
            s_small with { Levels = 17, DequantizationMaps = 3, ChannelMixing = true, Couplings = 2 }),
        ["original"] = (FlowShape.Image(3, 4, 4), s_small.AsOriginal()),
    };

    /// <summary>The names of the flows.</summary>
    public static TheoryData<string> Flows => [.. s_flows.Keys];

    [Theory, MemberData(nameof(Flows))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_in_evaluation(string name) => CheckLogDet(name, Randomised(name));

    [Theory, MemberData(nameof(Flows))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_in_training_with_the_statistics_held(string name)
    {
        Flow flow = Randomised(name);
        foreach (ImageBatchNormModule norm in flow.Steps.OfType<ImageBatchNormModule>())
            ImageStatistics.Hold(norm);
        flow.train();
        CheckLogDet(name, flow);
    }

    [Theory, MemberData(nameof(Flows))]
    public void The_inverse_undoes_the_flow(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Flow flow = Randomised(name);
        Tensor x = RandomRows(name);
        Assert.True((flow.Inverse(flow.forward(x).Latent) - x).abs().max().item<double>() < 1e-6);
    }

    [Theory, MemberData(nameof(Flows))]
    public void The_graphs_compute_what_torch_computes(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Flow flow = Randomised(name);
        CheckGraphs(flow, new FlowModel(s_flows[name].Shape, flow.Freeze()), RandomRows(name));
    }

    [Theory]
    [InlineData(1, 8, 8, 3)]
    [InlineData(3, 16, 8, 3)]
    [InlineData(1, 28, 28, 3)]
    [InlineData(2, 12, 20, 2)]
    public void Larger_flows_of_more_scales_compute_the_same_in_torch_and_in_graphs(int channels, int height, int width, int scales)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowShape shape = FlowShape.Image(channels, height, width);
        Flow flow = Randomised(shape, s_small with { Scales = scales });
        Tensor rows = RandomRows(shape, 256, 1);
        Assert.True((flow.Inverse(flow.forward(rows).Latent) - rows).abs().max().item<double>() < 1e-4);
        CheckGraphs(flow, new FlowModel(shape, flow.Freeze()), rows);
    }

    [Fact]
    public void The_latent_has_the_last_scale_first_and_what_was_factored_out_first_last()
    {
        using DisposeScope scope = NewDisposeScope();
        var flow = new Flow(
            [new SqueezeModule(SqueezeOrder.Ordered, 1), new FactorOutModule(), new SqueezeModule(SqueezeOrder.Plain, 2),
                new FactorOutModule()], FlowShape.Image(1, 4, 4));
        Tensor row = arange(16, dtype: ScalarType.Float64).reshape(1, 16);
        // the first level keeps 0 2 / 8 10 and 5 7 / 13 15 (top left, bottom right); 1 3 / 9 11 and 4 6 / 12 14 go first
        double[] expected = [0, 2, 8, 10, 5, 7, 13, 15, 1, 3, 9, 11, 4, 6, 12, 14];
        Assert.Equal(expected, flow.forward(row).Latent.data<double>().ToArray());
        Assert.Equal(row.data<double>().ToArray(), flow.Inverse(flow.forward(row).Latent).contiguous().data<double>().ToArray());
    }

    [Fact]
    public void Scales_are_built_as_in_the_paper()
    {
        Flow flow = Fresh(FlowShape.Image(3, 8, 8), new ImageFlowOptions { Scales = 2, BaseWidth = 4, Blocks = 2, BatchNorm = false });
        FlowStep[] steps = [.. flow.Freeze()];
        Assert.Equal(
            ["Logit", "CheckerboardCoupling", "CheckerboardCoupling", "CheckerboardCoupling", "Squeeze", "ChannelCoupling",
                "ChannelCoupling", "ChannelCoupling",
                "Unsqueeze", "Squeeze", "FactorOut", "CheckerboardCoupling", "CheckerboardCoupling", "CheckerboardCoupling",
                    "CheckerboardCoupling"],
            steps.Select(step => step.Kind));
        ImageCoupling[] couplings = [.. steps.OfType<ImageCoupling>()];
        Assert.Equal([4, 4, 4, 8, 8, 8, 8, 8, 8, 8], couplings.Select(coupling => coupling.Net.First.Outputs));
        ImageMask e = ImageMask.EvenPixels, o = ImageMask.OddPixels, f = ImageMask.FirstChannels, s = ImageMask.SecondChannels;
        Assert.Equal([e, o, e, f, s, f, e, o, e, o], couplings.Select(coupling => coupling.Mask));
        Assert.All(couplings, coupling => Assert.Equal(2, coupling.Net.Blocks.Length));
        Assert.Equal([SqueezeOrder.Plain, SqueezeOrder.Ordered], steps.OfType<Squeeze>().Select(step => step.Order));
    }

    [Fact]
    public void A_fresh_flow_is_the_logit_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        FlowShape shape = FlowShape.Image(1, 8, 8);
        Flow flow = Fresh(shape, s_small with { BatchNorm = false });
        Tensor rows = RandomRows(shape, 256, 1).to(ScalarType.Float32);
        (Tensor latent, Tensor logDet) = flow.forward(rows);
        (Tensor logits, Tensor expected) = new LogitModule(256, 1).forward(rows.reshape(-1, 1, 8, 8));
        // the same values in the order of the scales
        Assert.True(latent.sort(1).Values.equal(logits.flatten(1).sort(1).Values).all().item<bool>());
        Assert.True(logDet.allclose(expected));
    }

    [Fact]
    public void Seeds_repeat_the_weights()
    {
        double[] Weights(int seed) => [.. Fresh(FlowShape.Image(1, 4, 4), s_small, seed).parameters()
            .Select(parameter => parameter.to(ScalarType.Float64).sum().item<double>())];
        Assert.Equal(Weights(1), Weights(1));
        Assert.NotEqual(Weights(1), Weights(2));
    }

    [Fact]
    public void Gradients_reach_every_parameter()
    {
        using DisposeScope scope = NewDisposeScope();
        Flow flow = Randomised("colour");
        flow.train();
        (-flow.LogLikelihood(RandomRows("colour"))).mean().backward();
        Assert.All(flow.named_parameters(), pair
            => Assert.True(pair.parameter.grad is { } gradient && gradient.isfinite().all().item<bool>()
            && gradient.abs().max().item<double>() > 0, pair.name));
    }

    [Fact]
    public void Statistics_are_refreshed_in_the_order_of_the_flow()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Flow flow = Randomised("grey");
        Tensor rows = RandomRows(FlowShape.Image(1, 4, 4), 17, 1, count: 300);
        flow.RefreshStatistics(rows, TestContext.Current.CancellationToken);
        Assert.False(flow.training);
        // the last norm is over the even pixels of the last scale, 2 x 2 x 2: only if all before it were right is their output standardised
        Tensor last = flow.forward(rows).Latent.narrow(1, 0, 8).reshape(-1, 2, 2, 2);
        Tensor first = cat([last.select(2, 0).select(2, 0), last.select(2, 1).select(2, 1)]);
        Assert.True(first.mean([0L]).abs().max().item<double>() < 1e-9);
        Assert.True((first.square().mean([0L]) - 1).abs().max().item<double>() < 1e-3);
    }

    [Fact]
    public void A_flow_trained_on_small_images_samples_large_ones()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Flow flow = Randomised("grey");
        FlowModel large = new FlowModel(FlowShape.Image(1, 4, 4), flow.Freeze()).WithImageSize(12, 8);
        float[] latents = [.. randn([2, 96], generator: new Generator(4)).data<float>()];
        float[] samples = Graphs.Run(large.BuildSamplingGraph(), "Latent", latents, 96, "Features")[0];
        float[] back = Graphs.Run(large.BuildDensityGraph(), "Features", samples, 96, "Latent")[0];
        for (int i = 0; i < latents.Length; i++)
            Assert.Equal(latents[i], back[i], 1e-2f);
        Assert.Contains("9x8", Assert.Throws<FlowModelException>(() => large.WithImageSize(9, 8)).Message, StringComparison.Ordinal);
        Assert.Throws<FlowModelException>(() => new FlowModel(FlowShape.Vector(2), [new TailCompression(1)]).WithImageSize(4, 4));
    }

    [Fact]
    public void Every_finite_row_has_a_finite_score()
    {
        using DisposeScope scope = NewDisposeScope();
        Flow flow = Randomised("grey");
        byte[] graph = new FlowModel(FlowShape.Image(1, 4, 4), flow.Freeze()).BuildDensityGraph();
        float[] extremes = [0, 16, -1, 1000, -1e6f, 1e12f, 1e30f, -1e30f, float.MaxValue, float.MinValue];
        float[] rows = [.. extremes.SelectMany(value => Enumerable.Range(0, 16).Select(i => i == 5 ? value : 8))];
        float[] scores = Graphs.Run(graph, "Features", rows, 16, "Score")[0];
        Assert.All(scores, score => Assert.True(float.IsFinite(score)));
        Assert.All(scores.Skip(3), score => Assert.True(score > scores[0]));
        float[] alone = Graphs.Run(graph, "Features", rows[..16], 16, "Score")[0];
        Assert.Equal(alone[0], scores[0], 1e-3f); // whatever stands beside the row
        Assert.True(float.IsNaN(Graphs.Run(graph, "Features", [float.NaN, .. rows[1..16]], 16, "Score")[0][0]));
    }

    [Fact]
    public void An_image_flow_comes_back_from_its_file()
    {
        Flow flow = Randomised("colour");
        var model = new FlowModel(FlowShape.Image(3, 4, 4), flow.Freeze());
        using var stream = new MemoryStream();
        model.Save(stream);
        stream.Position = 0;
        FlowModel back = FlowModel.Load(stream);
        Assert.Equal(model.Summary(), back.Summary());
        Assert.Equal(model.BuildDensityGraph(), back.BuildDensityGraph());
        Assert.Equal(model.BuildSamplingGraph(), back.BuildSamplingGraph());
    }

    [Theory]
    [InlineData(30, 30, 3, "multiples of 4 and at least 8; found 30x30. The nearest such sizes are 28x28 and 32x32; or use 2 scales.")]
    [InlineData(28, 30, 3, "The nearest such sizes are 28x28 and 28x32; or use 2 scales.")]
    [InlineData(4, 4, 3, "The nearest such size is 8x8; or use 2 scales.")]
    [InlineData(7, 8, 2, "The nearest such sizes are 6x8 and 8x8; or use 1 scale.")]
    [InlineData(1, 8, 1, "The nearest such size is 2x8.")]
    public void Sides_that_do_not_allow_the_scales_are_refused_with_the_nearest_that_do(int height, int width, int scales, string expected)
    {
        var options = new ImageFlowOptions { Scales = scales };
        string message = Assert.Throws<ArgumentException>(() => options.For(FlowShape.Image(1, height, width))).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    private static void CheckGraphs(Flow flow, FlowModel model, Tensor x)
    {
        int size = model.InputShape.Size;
        Tensor single = x.to(ScalarType.Float32);
        float[] rows = [.. single.data<float>()];
        Tensor exact = single.to(ScalarType.Float64);
        double[] latents = [.. flow.forward(exact).Latent.contiguous().data<double>()];
        double[] logLikelihoods = [.. flow.LogLikelihood(exact).data<double>()];
        float[][] density = Graphs.Run(model.BuildDensityGraph(), "Features", rows, size, "LogLikelihood", "Latent");
        Tolerance.LogLikelihoods(logLikelihoods, density[0], size);
        Tolerance.Values(latents, density[1]);
        float[] features = Graphs.Run(model.BuildSamplingGraph(), "Latent", [.. latents.Select(value => (float)value)], size,
            "Features")[0];
        Tensor expected = flow.Inverse(tensor(latents, [x.shape[0], size]).to(ScalarType.Float32).to(ScalarType.Float64));
        double spread = single.std().item<float>(); // the unit of the column
        Tolerance.Values([.. (expected / spread).contiguous().data<double>()],
            Array.ConvertAll(features, value => (float)(value / spread)));
    }

    private static void CheckLogDet(string name, Flow flow)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor point = RandomRows(name).narrow(0, 0, 1);
        double logDet = flow.forward(point).LogDet.item<double>();
        Tensor Map(Tensor rows) => flow.forward(rows).Latent;
        double numerical = flow.training ? NumericalJacobian.LogAbsDet(Map, point) : NumericalJacobian.LogAbsDetOfRows(Map, point);
        Assert.Equal(numerical, logDet, 1e-5 * Math.Max(1, Math.Abs(numerical)));
    }

    private static Flow Randomised(string name) => Randomised(s_flows[name].Shape, s_flows[name].Options);

    /// <summary>A flow as training begins with it.</summary>
    internal static Flow Fresh(FlowShape shape, ImageFlowOptions options, int seed = 1)
    {
        using var random = new DeviceRandom(seed, CPU);
        ColumnFacts facts = ColumnFacts.OfImages(new WeightedRows(new float[shape.Size], [1], shape.Size), shape.Size,
            options.LevelWidth ?? 1);
        return options.For(shape).Build(facts, dropout: 0, seed, random);
    }

    private static Flow Randomised(FlowShape shape, ImageFlowOptions options)
    {
        Flow flow = Fresh(shape, options);
        RandomState.Set(flow, strength: 0.5); // so many couplings in a row would magnify the rounding of float32 beyond any tolerance
        flow.eval();
        return flow;
    }

    private static Tensor RandomRows(string name)
        => RandomRows(s_flows[name].Shape, s_flows[name].Options.Levels, s_flows[name].Options.LevelWidth!.Value);

    private static Tensor RandomRows(FlowShape shape, int levels, float width, int count = 3)
        => (rand([count, shape.Size], dtype: ScalarType.Float64, generator: new Generator(3)) * levels).floor() * width;
}
