using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// The checks that every step must pass, with every parameter and running statistic at random values: a fresh coupling is the identity and
/// would pass anything.
/// </summary>
public sealed class StepTests
{
    private const int Features = 5;
    private const int Rows = 7;

    private static readonly ConditionerOptions s_net = new(2, 8, Activation.Relu, Dropout: 0, LogScaleGain: 1);

    /// <summary>One of each step, and of each form that is computed differently.</summary>
    private static readonly Dictionary<string, Func<FlowStepModule>> s_steps = new()
    {
        ["Dequantization"] = () => new DequantizationModule(new float[Features]),
        ["InvertibleLinear, from the identity"] = () => new InvertibleLinearModule(Features),
        ["InvertibleLinear, from a rotation"] = () => new InvertibleLinearModule(Features, new Generator(1)),
        ["SinhArcsinh"] = () => new SinhArcsinhModule(Features),
        ["RationalQuadraticSpline"] = () => new RationalQuadraticSplineModule(Features, 7),
        ["Rotation"] = () => new RotationModule(Features, new Generator(1)),
        ["Standardization"] = () => new StandardizationModule(new float[Features], Enumerable.Repeat(1f, Features)),
        ["TailCompression"] = () => new TailCompressionModule(1),
        ["Permutation"] = () => new PermutationModule([3, 0, 4, 1, 2]),
        ["AffineCoupling, halves"] = () => new AffineCouplingModule(new CouplingMask([0, 1, 2], [3, 4]), s_net, new Generator(1)),
        ["AffineCoupling, second half conditions"]
            = () => new AffineCouplingModule(new CouplingMask([3, 4], [0, 1, 2]), s_net, new Generator(1)),
        ["AffineCoupling, scattered mask"] = () => new AffineCouplingModule(new CouplingMask([4, 0], [3, 1, 2]), s_net, new Generator(1)),
        ["AffineCoupling, tanh"]
            = () => new AffineCouplingModule(
                new CouplingMask([0, 1, 2], [3, 4]), s_net with { Activation = Activation.Tanh }, new Generator(1)),
        ["AffineCoupling, no hidden layer"]
            = () => new AffineCouplingModule(new CouplingMask([0, 1, 2], [3, 4]), s_net with { HiddenLayers = 0 }, new Generator(1)),
        ["AffineCoupling, weight norm"]
            = () => new AffineCouplingModule(new CouplingMask([0, 1, 2], [3, 4]), s_net with { WeightNorm = true }, new Generator(1)),
        ["BatchNorm"] = () => new BatchNormModule(new CouplingMask([4, 0], [3, 1, 2])),
    };

    /// <summary>The names of the cases.</summary>
    public static TheoryData<string> Steps => [.. s_steps.Keys];

    [Fact]
    public void Every_step_is_tested_and_has_a_frozen_twin()
    {
        Type[] modules
            = [.. typeof(FlowStepModule).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(FlowStepModule)) && !type.IsAbstract)];
        Type[] frozen = [.. typeof(FlowStep).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(FlowStep)) && !type.IsAbstract)];
        Assert.Equal(frozen.Select(type => type.Name + "Module").Order(), modules.Select(type => type.Name).Order());
        Assert.All(modules,
            type => Assert.Contains([.. s_steps.Keys, .. ImageStepTests.Names, LatentMixtureTests.Name],
                name => name.Split(',')[0] + "Module" == type.Name));
    }

    [Theory, MemberData(nameof(Steps))]
    public void The_inverse_undoes_the_step(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowStepModule step = Randomised(name);
        Tensor x = RandomRows();
        Tensor back = step.Inverse(step.forward(x).Output);
        double tolerance = step is RotationModule ? 1e-6 : 1e-10; // a matrix in float32 is orthogonal to its rounding
        Assert.True((back - x).abs().max().item<double>() < tolerance);
    }

    [Theory, MemberData(nameof(Steps))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_in_evaluation(string name) => CheckLogDet(Randomised(name));

    [Theory, MemberData(nameof(Steps))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_in_training_with_the_statistics_held(string name)
    {
        FlowStepModule step = Randomised(name);
        step.train();
        if (step is BatchNormModule norm)
        {
            using var generator = new Generator(2);
            norm.HeldStatistics = (randn(3, dtype: ScalarType.Float64, generator: generator),
                rand(3, dtype: ScalarType.Float64, generator: generator) * 0.3 + 0.2);
        }
        CheckLogDet(step);
    }

    [Theory, MemberData(nameof(Steps))]
    public void The_graphs_compute_what_torch_computes(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowStepModule step = Randomised(name);
        var model = new FlowModel(FlowShape.Vector(Features), [step.Freeze()]);
        float[] rows = [.. RandomRows().to(ScalarType.Float32).data<float>()];
        Tensor x = tensor(rows, [Rows, Features]).to(ScalarType.Float64);

        (Tensor z, Tensor logDet) = step.forward(x);
        double[] latents = [.. z.contiguous().data<double>()];
        double[] logLikelihoods = [.. (z.square().sum(1) * -0.5 - 0.5 * Features * Math.Log(2 * Math.PI) + logDet).data<double>()];

        float[][] density = Graphs.Run(model.BuildDensityGraph(), "Features", rows, Features, "LogLikelihood", "Latent");
        Tolerance.LogLikelihoods(logLikelihoods, density[0], Features);
        Tolerance.Values(latents, density[1]);

        float[][] sampling
            = Graphs.Run(model.BuildSamplingGraph(), "Latent", [.. latents.Select(value => (float)value)], Features, "Features");
        Tolerance.Values([.. rows.Select(value => (double)value)], sampling[0]);
    }

    [Fact]
    public void Batch_norm_normalises_a_batch_and_keeps_running_statistics()
    {
        using DisposeScope scope = NewDisposeScope();
        var norm = new BatchNormModule(new CouplingMask([1], [0]));
        Tensor x = tensor(new double[] { 1, 0, 3, 0, 8, 0 }, [3, 2]);
        norm.to(ScalarType.Float64);
        norm.train();
        (Tensor y, Tensor logDet) = norm.forward(x);
        // mean 4, biased variance (9 + 1 + 16) / 3
        double variance = 26.0 / 3;
        Assert.Equal(-0.5 * Math.Log(variance + 1e-4), logDet.item<double>(), 1e-12);
        Assert.Equal((1 - 4) / Math.Sqrt(variance + 1e-4), y[0, 0].item<double>(), 1e-12);
        norm.eval();
        // 0.9 * 0 + 0.1 * 4 and 0.9 * 1 + 0.1 * variance
        Assert.Equal((5 - 0.4) / Math.Sqrt(0.9 + 0.1 * variance + 1e-4),
            norm.forward(full([1, 2], 5.0, dtype: ScalarType.Float64)).Output[0, 0].item<double>(), 1e-12);
        norm.RefreshStatistics(x);
        Assert.Equal((5 - 4) / Math.Sqrt(variance + 1e-4),
            norm.forward(full([1, 2], 5.0, dtype: ScalarType.Float64)).Output[0, 0].item<double>(), 1e-12);
    }

    [Fact]
    public void A_fresh_coupling_is_the_identity_and_learns_from_its_first_gradient()
    {
        using DisposeScope scope = NewDisposeScope();
        var coupling = new AffineCouplingModule(new CouplingMask([0, 1, 2], [3, 4]), s_net, new Generator(1));
        Tensor x = randn(Rows, Features, generator: new Generator(2));
        (Tensor y, Tensor logDet) = coupling.forward(x);
        Assert.True(y.equal(x).all().item<bool>());
        (y.square().sum() - logDet.sum()).backward();
        Assert.True(coupling.named_parameters().Single(pair => pair.name == "heads.weight").parameter.grad!.abs().max().item<float>() > 0);
    }

    [Fact]
    public void A_fresh_linear_map_is_the_identity_or_a_rotation_and_learns()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(Rows, Features, generator: new Generator(2));
        var identity = new InvertibleLinearModule(Features);
        (Tensor y, Tensor logDet) = identity.forward(x);
        Assert.True(y.equal(x).all().item<bool>());
        Assert.Equal(0, logDet.item<float>());
        (y * randn(Rows, Features, generator: new Generator(3))).sum().backward();
        Assert.All(identity.named_parameters(), pair => Assert.True(pair.parameter.grad!.abs().max().item<float>() > 0, pair.name));

        (y, logDet) = new InvertibleLinearModule(Features, new Generator(1)).forward(x);
        Assert.False(y.isclose(x).any().item<bool>());
        Assert.True(y.square().sum(1).allclose(x.square().sum(1))); // lengths stay
        Assert.Equal(0, logDet.item<float>(), 1e-5);
    }

    [Fact]
    public void A_fresh_sinh_arcsinh_is_the_identity()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(Rows, Features, generator: new Generator(2)) * 3;
        (Tensor y, Tensor logDet) = new SinhArcsinhModule(Features).forward(x);
        Assert.True(y.allclose(x, rtol: 1e-5, atol: 1e-5));
        Assert.Equal(0, logDet.abs().max().item<float>(), 1e-5);
    }

    [Fact]
    public void Statistics_are_refreshed_in_the_order_of_the_flow()
    {
        using DisposeScope scope = NewDisposeScope();
        var mask = new CouplingMask([0], [1]);
        var flow = new Flow(
            [new BatchNormModule(mask), new AffineCouplingModule(mask, s_net, new Generator(1)), new BatchNormModule(mask)]);
        RandomState.Set(flow);
        Tensor x = randn([200, 2], dtype: ScalarType.Float64, generator: new Generator(2)) * 3 + 1;
        flow.RefreshStatistics(x, TestContext.Current.CancellationToken);
        flow.eval();
        Tensor last = flow.forward(x).Latent.narrow(1, 1, 1);
        // the second norm's input depends on the first one's new statistics: only then is its output standardised
        Assert.Equal(0, last.mean().item<double>(), 1e-9);
        Assert.Equal(1, last.square().mean().item<double>(), 1e-3);
    }

    private static void CheckLogDet(FlowStepModule step)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor x = RandomRows();
        Tensor logDet = step.forward(x).LogDet.expand(Rows);
        for (int row = 0; row < Rows; row++)
        {
            double numerical = NumericalJacobian.LogAbsDet(point => step.forward(point).Output, x.narrow(0, row, 1));
            Assert.Equal(numerical, logDet[row].item<double>(), 1e-6 * Math.Max(1, Math.Abs(numerical)));
        }
        if (step is not (PermutationModule or DequantizationModule or RotationModule)) // whose log-determinants are zero
            Assert.True(logDet.abs().max().item<double>() > 0.1, "The step is near the identity: the test would pass anything.");
    }

    private static FlowStepModule Randomised(string name)
    {
        FlowStepModule step = s_steps[name]();
        RandomState.Set(step);
        step.eval();
        return step;
    }

    private static Tensor RandomRows() => randn([Rows, Features], dtype: ScalarType.Float64, generator: new Generator(3)) * 1.5;
}
