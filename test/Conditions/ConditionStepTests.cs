using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>Couplings that read a condition, with every parameter at random values, as all steps are tested without one.</summary>
public sealed class ConditionStepTests
{
    private const int Rows = 7, Inputs = 4;

    private static readonly ConditionerOptions s_net = new(2, 8, Activation.Relu, Dropout: 0, LogScaleGain: 1);

    private static readonly Dictionary<string, (int Features, Func<AffineCouplingModule> Create)> s_couplings = new()
    {
        ["halves"] = (5, () => Coupling(new CouplingMask([0, 1, 2], [3, 4]), s_net)),
        ["scattered mask"] = (5, () => Coupling(new CouplingMask([4, 0], [3, 1, 2]), s_net)),
        ["the condition alone"] = (3, () => Coupling(new CouplingMask([], [0, 1, 2]), s_net with { Activation = Activation.Tanh })),
        ["one feature"] = (1, () => Coupling(new CouplingMask([], [0]), s_net)),
        ["no hidden layer"] = (5, () => Coupling(new CouplingMask([3, 4], [0, 1, 2]), s_net with { HiddenLayers = 0 })),
        ["weight norm"] = (5, () => Coupling(new CouplingMask([0, 1, 2], [3, 4]), s_net with { WeightNorm = true })),
    };

    public static TheoryData<string, bool> Couplings
        => [.. s_couplings.Keys.SelectMany(name => new[] { (name, true), (name, false) })];

    [Theory, MemberData(nameof(Couplings))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_and_the_inverse_undoes_the_step(string name, bool inTraining)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        (int features, Func<AffineCouplingModule> create) = s_couplings[name];
        AffineCouplingModule step = create();
        RandomState.Set(step);
        step.train(inTraining);
        Tensor x = Normal(Rows, features, 3), condition = Normal(Rows, Inputs, 4);
        (Tensor y, Tensor logDet) = step.forward(x, condition);
        Assert.True((step.Inverse(y, condition) - x).abs().max().item<double>() < 1e-10);
        Assert.True((y - step.forward(x, condition * 2).Output).abs().max().item<double>() > 0.1, "The condition is not read.");
        Assert.True(logDet.abs().max().item<double>() > 0.1, "The step is near the identity: the test would pass anything.");
        for (int row = 0; row < Rows; row++)
        {
            double numerical = NumericalJacobian.LogAbsDet(
                point => step.forward(point, condition.narrow(0, row, 1)).Output, x.narrow(0, row, 1));
            Assert.Equal(numerical, logDet[row].item<double>(), 1e-6 * Math.Max(1, Math.Abs(numerical)));
        }
    }

    [Theory, InlineData(1, false), InlineData(1, true), InlineData(3, false), InlineData(3, true)]
    public void The_graphs_compute_what_torch_computes(int features, bool mayBeUnknown)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        var condition = new FlowCondition([1.5f, -20], [0.5f, 8], mayBeUnknown);
        CouplingMask mask = features == 1 ? new([], [0]) : new([0, 1], [2]);
        AffineCouplingModule Step(CouplingMask half)
            => new(half, s_net, new Generator(1), conditionInputs: condition.Inputs);
        var flow = new Flow([Step(mask), new SinhArcsinhModule(features), Step(features == 1 ? mask : mask.Complement())],
            condition: condition);
        foreach (FlowStepModule step in flow.Steps)
            RandomState.Set(step);
        flow.to(ScalarType.Float64);
        flow.eval();
        var model = new FlowModel(FlowShape.Vector(features), flow.Freeze(), condition: condition);

        float[] rows = [.. Normal(Rows, features, 3).to(ScalarType.Float32).data<float>()];
        float[] conditions = [.. Enumerable.Range(0, Rows).SelectMany(i => new[] { 1 + 0.3f * i, -30 + 4f * i })];
        (conditions[2], conditions[5]) = (40, -1e6f); // beyond ten standard deviations
        if (mayBeUnknown)
            conditions[6] = conditions[8] = conditions[9] = float.NaN;
        Tensor x = tensor(rows, [Rows, features]).to(ScalarType.Float64), c = tensor(conditions, [Rows, 2]).to(ScalarType.Float64);
        (Tensor z, Tensor logLikelihood) = flow.LatentAndLogLikelihood(cat([x, c], 1));
        Assert.True(logLikelihood.isfinite().all().item<bool>());

        float[][] Split(float[] values) => [.. values.Chunk(values.Length / Rows)];
        Dictionary<string, float[]> density
            = ConditionGraphTests.Run(model.BuildDensityGraph(), "Features", Split(rows), Split(conditions));
        double[] latents = [.. z.contiguous().data<double>()];
        Tolerance.LogLikelihoods([.. logLikelihood.data<double>()], density["LogLikelihood"], features);
        Tolerance.Values(latents, density["Latent"]);
        float[] back = ConditionGraphTests.Run(model.BuildSamplingGraph(), "Latent", Split([.. latents.Select(value => (float)value)]),
            Split(conditions))["Features"];
        Tolerance.Values([.. rows.Select(value => (double)value)], back);
        Assert.True((flow.Inverse(z, c) - x).abs().max().item<double>() < 1e-9);
    }

    private static AffineCouplingModule Coupling(CouplingMask mask, ConditionerOptions net)
        => new(mask, net, new Generator(1), conditionInputs: Inputs);

    private static Tensor Normal(int rows, int columns, ulong seed)
        => randn([rows, columns], dtype: ScalarType.Float64, generator: new Generator(seed)) * 1.5;
}
