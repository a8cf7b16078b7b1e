using Microsoft.ML;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>Image flows that read a condition: torch, graphs and files against each other and against the formulas.</summary>
public sealed class ConditionImageTests
{
    private const int Rows = 5, Inputs = 4;

    private static readonly ImageCouplingOptions s_net = new() { Width = 5, Blocks = 2, ConditionInputs = Inputs };

    private static readonly Dictionary<string, (FlowShape Shape, Func<FlowStepModule> Create)> s_couplings = new()
    {
        ["even pixels"] = (FlowShape.Image(1, 4, 4), () => new CheckerboardCouplingModule(ImageMask.EvenPixels, 1, 4, 4, s_net,
            new Generator(1))),
        ["odd pixels, original"] = (FlowShape.Image(3, 3, 4), () => new CheckerboardCouplingModule(ImageMask.OddPixels, 3, 3, 4,
            s_net with { Blocks = 1, IdentityStart = false, GainPerChannel = false, ShiftFirst = true }, new Generator(1))),
        ["first channels"] = (FlowShape.Image(4, 2, 2), () => new ChannelCouplingModule(ImageMask.FirstChannels, 4, s_net,
            new Generator(1))),
        ["second channels"] = (FlowShape.Image(4, 3, 2), () => new ChannelCouplingModule(ImageMask.SecondChannels, 4, s_net,
            new Generator(1))),
    };

    public static TheoryData<string, bool> Couplings
        => [.. s_couplings.Keys.SelectMany(name => new[] { (name, true), (name, false) })];

    [Theory, MemberData(nameof(Couplings))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_and_the_inverse_undoes_the_step(string name, bool inTraining)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        (FlowShape shape, Func<FlowStepModule> create) = s_couplings[name];
        FlowStepModule step = create();
        RandomState.Set(step);
        step.train(inTraining);
        Tensor x = Normal(3, [Rows, .. shape.Dimensions.Select(dimension => (long)dimension)]), condition = Normal(4, Rows, Inputs);
        Assert.True((step.Inverse(step.forward(x, condition).Output, condition) - x).abs().max().item<double>() < 1e-9);
        Assert.True((step.forward(x, condition).Output - step.forward(x, condition * 2).Output).abs().max().item<double>() > 0.1,
            "The condition is not read.");
        double largest = 0;
        for (int row = 0; row < Rows; row++)
        {
            (Tensor point, Tensor given) = (x.narrow(0, row, 1), condition.narrow(0, row, 1));
            double logDet = step.forward(point, given).LogDet.sum().item<double>();
            double numerical = NumericalJacobian.LogAbsDet(images => step.forward(images, given).Output, point);
            Assert.Equal(numerical, logDet, 1e-6 * Math.Max(1, Math.Abs(numerical)));
            largest = Math.Max(largest, Math.Abs(logDet));
        }
        Assert.True(largest > 0.1, "The step is near the identity: the test would pass anything.");
    }

    [Theory]
    [InlineData("even pixels")]
    [InlineData("second channels")]
    public void Refreshed_nets_compute_in_evaluation_what_they_did_in_training_with_the_same_conditions(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        (FlowShape shape, Func<FlowStepModule> create) = s_couplings[name];
        FlowStepModule step = create();
        RandomState.Set(step);
        Tensor x = Normal(5, [100, .. shape.Dimensions.Select(dimension => (long)dimension)]), condition = Normal(6, 100, Inputs);
        step.train();
        Tensor training = step.forward(x, condition).Output;
        step.eval();
        step.RefreshStatistics(x, condition * 3);
        Assert.False(training.allclose(step.forward(x, condition).Output, 1e-2, 1e-2));
        step.RefreshStatistics(x, condition);
        Assert.True(training.allclose(step.forward(x, condition).Output, 1e-2, 1e-2));
    }

    [Fact]
    public void A_fresh_coupling_is_the_identity_and_its_condition_learns_once_the_output_does()
    {
        using DisposeScope scope = NewDisposeScope();
        FlowStepModule step = s_couplings["even pixels"].Create();
        Tensor x = Normal(3, 2, 1, 4, 4).to(ScalarType.Float32), condition = Normal(4, 2, Inputs).to(ScalarType.Float32);
        Assert.True(step.forward(x, condition).Output.equal(x).all().item<bool>());
        RandomState.Set(step);
        (Tensor y, Tensor logDet) = step.forward(x.to(ScalarType.Float64), condition.to(ScalarType.Float64));
        (y.square().sum() - logDet.sum()).backward();
        Assert.All(step.named_parameters().Where(pair => pair.name.Contains(".condition.")),
            pair => Assert.True(pair.parameter.grad!.abs().max().item<double>() > 0));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void The_graphs_of_a_whole_flow_compute_what_torch_computes(bool mayBeUnknown)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowShape shape = FlowShape.Image(1, 4, 4);
        var condition = new FlowCondition([1.5f, -20], [0.5f, 8], mayBeUnknown);
        ImageDesign design = new ImageFlowOptions { Levels = 17, LevelWidth = 1, Scales = 2, BaseWidth = 3, Blocks = 1 }.For(shape)
            with { Condition = new(2, mayBeUnknown ? 0.1 : 0) };
        ColumnFacts facts = ColumnFacts.OfImages(new WeightedRows(new float[18], [1], 18), 16, 1) with { Condition = condition };
        using var random = new DeviceRandom(1, CPU);
        Flow flow = design.Build(facts, dropout: 0, 1, random);
        foreach (FlowStepModule step in flow.Steps)
            RandomState.Set(step, strength: 0.5);
        flow.to(ScalarType.Float64);
        flow.eval();
        var model = new FlowModel(shape, flow.Freeze(), condition: condition);

        Tensor x = (rand([Rows, 16], dtype: ScalarType.Float64, generator: new Generator(3)) * 17).floor();
        float[][] conditions = [.. ImageFlows.Conditions(Rows + 3).Skip(3)];
        if (!mayBeUnknown)
            conditions = [.. conditions.Select(row => row.Select(value => float.IsNaN(value) ? 1 : value).ToArray())];
        Tensor c = tensor(conditions.SelectMany(row => row.Select(value => (double)value)).ToArray(), [Rows, 2]);
        (Tensor z, Tensor logLikelihood) = flow.LatentAndLogLikelihood(cat([x, c], 1));
        Assert.True((flow.Inverse(z, c) - x).abs().max().item<double>() < 1e-6);
        double[] latents = [.. z.contiguous().data<double>()];
        float[][] rows = [.. x.to(ScalarType.Float32).data<float>().ToArray().Chunk(16)];
        Dictionary<string, float[]> density = ConditionGraphTests.Run(model.BuildDensityGraph(), "Features", rows, conditions);
        Tolerance.LogLikelihoods([.. logLikelihood.data<double>()], density["LogLikelihood"], 16);
        Tolerance.Values(latents, density["Latent"]);
        float[] back = ConditionGraphTests.Run(model.BuildSamplingGraph(), "Latent",
            [.. latents.Select(value => (float)value).Chunk(16)], conditions)["Features"];
        Tolerance.Values([.. rows.SelectMany(row => row.Select(value => value / 17.0))], Array.ConvertAll(back, value => value / 17));
        double numerical = NumericalJacobian.LogAbsDet(point => flow.forward(cat([point, c.narrow(0, 1, 1)], 1)).Latent, x.narrow(0, 1, 1));
        double logDet = flow.forward(cat([x, c], 1)).LogDet[1].item<double>();
        Assert.Equal(numerical, logDet, 1e-5 * Math.Max(1, Math.Abs(numerical)));
    }

    [Theory, InlineData(1, 1, 4, 4), InlineData(1, 3, 4, 6), InlineData(2, 1, 4, 4)]
    public void Graphs_compute_the_formulas_at_the_trained_size_and_at_another(int members, int channels, int height, int width)
    {
        FlowModel trained = ImageFlows.Conditional(members, channels, height, width);
        FlowParity.Check(trained, TestContext.Current.CancellationToken);
        foreach (FlowModel model in new[] { trained, trained.WithImageSize(6, 2) })
        {
            const int Count = 12;
            int size = model.InputShape.Size;
            float[][] rows = ImageFlows.Rows(model, Count), conditions = ImageFlows.Conditions(Count);
            conditions[4][1] = float.PositiveInfinity;
            Dictionary<string, float[]> found = ConditionGraphTests.Run(model.BuildDensityGraph(), "Features", rows, conditions);
            Assert.Equal([4], Enumerable.Range(0, Count).Where(i => float.IsNaN(found["LogLikelihood"][i])));
            int[] usable = [.. Enumerable.Range(0, Count).Where(i => i != 4)];
            Tolerance.LogLikelihoods([.. usable.Select(i => ReferenceFlow.LogLikelihood(model, rows[i], conditions[i]))],
                [.. usable.Select(i => found["LogLikelihood"][i])], size);
            for (int member = 0; member < members; member++)
            {
                float[][] latents = [.. Tables.Gaussian(Count * size, 1, seed: 2).Select(row => row[0] / 4).Chunk(size)];
                (string, float[])[] others = members > 1 ? [("Member", [.. latents.Select(_ => (float)member)])] : [];
                float[] samples = ConditionGraphTests.Run(model.BuildSamplingGraph(), "Latent", latents, conditions, others)["Features"];
                Assert.All(samples[(4 * size)..(5 * size)], value => Assert.True(float.IsNaN(value)));
                Tolerance.Values(
                    [.. usable.SelectMany(i => ReferenceFlow.Sample(model, latents[i], 1, member, conditions[i])).Select(v => v / 17)],
                    [.. usable.SelectMany(i => samples[(i * size)..((i + 1) * size)]).Select(value => value / 17)]);
            }
        }
    }

    [Fact]
    public void Files_and_metadata_keep_the_condition()
    {
        FlowModel model = ImageFlows.Conditional();
        using var file = new MemoryStream();
        model.Save(file);
        Assert.Equal(3u, BitConverter.ToUInt32(file.ToArray(), 8)); // which readers of version 2 refuse by that number
        file.Position = 0;
        FlowModel loaded = FlowModel.Load(file);
        Assert.Equal(model.Condition!.Names, loaded.Condition!.Names);
        Assert.Equal(model.BuildDensityGraph(), loaded.BuildDensityGraph());
        Assert.Equal(model.BuildSamplingGraph(), loaded.BuildSamplingGraph());
        Assert.Equal(model.Summary(), loaded.Summary());
        Assert.Contains("Given a condition of 2 values, which may be unknown", loaded.Summary());
        Assert.Contains("of 4 maps given 4,", loaded.Summary());
        foreach (byte[] graph in new[] { model.BuildDensityGraph(), model.BuildSamplingGraph() })
        {
            using var session = new InferenceSession(graph);
            Assert.Equal([-1, 2], session.InputMetadata["Condition"].Dimensions);
            Assert.Equal("""["hour","load"]""", session.ModelMetadata.CustomMetadataMap["realnvp.condition.names"]);
        }
    }

    [Fact]
    public void A_sampler_of_another_size_is_exported_with_its_condition_and_checked()
    {
        string path = Path.GetTempFileName();
        try
        {
            using RealNvpTransformer flow = new(new MLContext(1), ImageFlows.Conditional(), RealNvpColumns.Default);
            flow.ExportSampler(path, 6, 8);
            using (var session = new InferenceSession(path))
                Assert.Equal(["Latent", "Condition"], session.InputMetadata.Keys.Take(2));
            // the condition of one block, which the density of the other flow reads otherwise
            FlowModel other = ImageFlows.Conditional().WithImageSize(6, 8);
            FlowStep[] steps = [.. other.Steps];
            int at = Array.FindIndex(steps, step => step is CheckerboardCoupling);
            var coupling = (CheckerboardCoupling)steps[at];
            ResidualBlock block = coupling.Net.Blocks[0];
            var layer = new DenseLayer(4, 5, [.. block.Condition!.Weights.Select(weight => weight + 0.5f)], block.Condition.Bias);
            steps[at] = new CheckerboardCoupling(coupling.Mask, new ResidualConditioner(coupling.Net.Input, true, coupling.Net.First,
                coupling.Net.FirstSkip, [block with { Condition = layer }], coupling.Net.Output), coupling.Gain, coupling.ShiftFirst);
            byte[] wrong = new FlowModel(other.InputShape, steps, condition: other.Condition).BuildSamplingGraph();
            Assert.Throws<FlowParityException>(() => FlowParity.CheckRoundTrip(other, wrong));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Models_that_contradict_themselves_are_refused()
    {
        FlowShape shape = FlowShape.Image(1, 4, 4);
        FlowStep reading = new RandomImageSteps(1, 2).Coupling(ImageMask.EvenPixels, 1),
            plain = new RandomImageSteps(1).Coupling(ImageMask.EvenPixels, 1);
        var condition = new FlowCondition([0, 0], [1, 1]);
        Assert.Contains("reads 2 inputs of a condition, where the flow has 0",
            Assert.Throws<FlowModelException>(() => new FlowModel(shape, [reading])).Message);
        Assert.Contains("reads 0 inputs of a condition, where the flow has 2",
            Assert.Throws<FlowModelException>(() => new FlowModel(shape, [plain], condition: condition)).Message);
        Assert.Contains("where the flow has 4", Assert.Throws<FlowModelException>(
            () => new FlowModel(shape, [reading], condition: new FlowCondition([0, 0], [1, 1], mayBeUnknown: true))).Message);
        ResidualConditioner net = ((ImageCoupling)reading).Net, other = ((ImageCoupling)plain).Net;
        Assert.Contains("do not read the same of a condition", Assert.Throws<FlowModelException>(() => new ResidualConditioner(
            net.Input, true, net.First, net.FirstSkip, [net.Blocks[0], other.Blocks[0]], net.Output)).Message);
        Assert.Contains("do not fit each other", Assert.Throws<FlowModelException>(() => new ResidualConditioner(net.Input, true, net.First,
            net.FirstSkip, [net.Blocks[0] with { Condition = new DenseLayer(2, 4, [.. new float[8]], [.. new float[4]]) }],
            net.Output)).Message);
    }

    private static Tensor Normal(ulong seed, params long[] shape)
        => randn(shape, dtype: ScalarType.Float64, generator: new Generator(seed)) * 1.5;
}
