using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Exports;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>The graphs and files of flows with a condition, against <see cref="ReferenceFlow"/>.</summary>
public sealed class ConditionGraphTests
{
    private static readonly Dictionary<string, Func<FlowModel>> s_cases = new()
    {
        ["two features"] = () => Flow(2, 3, false, steps => Couplings(steps, 2, 3)),
        ["five features, norms"] = () => Flow(5, 2, false, steps => Enumerable.Range(0, 4).SelectMany(i => (FlowStep[])
            [steps.Coupling(steps.Alternating(i % 2 == 0), 2, Activation.Relu, 2), steps.Norm(steps.Alternating(i % 2 == 0).Transformed)])),
        ["one feature"] = () => Flow(1, 2, false, steps => Enumerable.Range(0, 3).SelectMany(_ => (FlowStep[])
            [steps.Marginals(), steps.Coupling(new CouplingMask([], [0]), 2, Activation.Tanh, 2)])),
        ["all features transformed"] = () => Flow(3, 2, false, steps => [.. Couplings(steps, 2, 2),
            steps.Coupling(new CouplingMask([], [2, 0, 1]), 1, Activation.Relu, 2), .. Couplings(steps, 1, 2)]),
        ["no hidden layer, scattered"] = () => Flow(6, 1, false, steps => Enumerable.Range(0, 3).Select(_
            => steps.Coupling(steps.Mask(), 0, Activation.Relu, 1))),
        ["unknown"] = () => Flow(3, 2, true, steps => Couplings(steps, 3, 4)),
        ["mixture, unknown"] = () => Flow(4, 2, true, steps => Couplings(steps, 2, 4), members: 3),
    };

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    internal static FlowModel Case(string name) => s_cases[name]();

    [Theory, MemberData(nameof(Cases))]
    public void Graphs_compute_the_formulas(string name)
    {
        FlowModel model = s_cases[name]();
        int size = model.InputShape.Size, values = model.Condition!.Size;
        float[][] rows = FlowCases.Rows(size), conditions = FlowCases.Rows(values, seed: 8);
        Dictionary<string, float[]> found = Run(model.BuildDensityGraph(), "Features", rows, conditions);
        for (int i = 0; i < rows.Length; i++)
        {
            double expected = ReferenceFlow.LogLikelihood(model, rows[i], conditions[i]);
            float logLikelihood = found["LogLikelihood"][i];
            Assert.Equal(double.IsNaN(expected), float.IsNaN(logLikelihood));
            Assert.Equal(-logLikelihood, found["Score"][i]);
            if (double.IsNaN(expected))
                continue;
            Assert.True(float.IsFinite(logLikelihood));
            double[] latent = ReferenceFlow.Latent(model, rows[i], 0, conditions[i]);
            double norm = Math.Sqrt(latent.Sum(z => z * z));
            if (expected < -1e6)
            {
                Assert.InRange(logLikelihood / expected, 0.9, 1.1); // far out float32 keeps no more
                continue;
            }
            Assert.Equal(expected, logLikelihood, Tolerance.Of(expected, size));
            for (int j = 0; j < size && !model.IsMixture; j++)
                Assert.Equal(latent[j], found["Latent"][i * size + j], Tolerance.Of(norm));
        }

        float[][] latents = [.. rows.Select(row => row.Select(value => Math.Clamp(value, -4, 4)).ToArray())
            .Where(row => row.All(float.IsFinite))], given = conditions[..latents.Length];
        for (int member = 0; member < model.Members.Length; member++)
        {
            (string, float[])[] others = model.IsMixture ? [("Member", [.. latents.Select(_ => (float)member)])] : [];
            float[] samples = Run(model.BuildSamplingGraph(), "Latent", latents, given, others)["Features"];
            for (int i = 0; i < latents.Length; i++)
            {
                double[] expected = ReferenceFlow.Sample(model, latents[i], 1, member, given[i]);
                double most = expected.Any(double.IsNaN) ? 1 : expected.Max(Math.Abs);
                for (int j = 0; j < size; j++)
                    Assert.Equal(expected[j], samples[i * size + j], 2e-4 * Math.Max(1, most));
            }
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Files_keep_the_condition(string name)
    {
        FlowModel model = s_cases[name]();
        using var file = new MemoryStream();
        model.Save(file);
        Assert.Equal(2u, BitConverter.ToUInt32(file.ToArray(), 8)); // the version, which readers of version 1 refuse
        file.Position = 0;
        FlowModel loaded = FlowModel.Load(file);
        Assert.Equal(model.Condition!.Mean, loaded.Condition!.Mean);
        Assert.Equal(model.Condition.StandardDeviation, loaded.Condition.StandardDeviation);
        Assert.Equal(model.Condition.MayBeUnknown, loaded.Condition.MayBeUnknown);
        Assert.Equal(model.Condition.Names, loaded.Condition.Names);
        Assert.Equal(model.BuildDensityGraph(), loaded.BuildDensityGraph());
        Assert.Equal(model.BuildSamplingGraph(), loaded.BuildSamplingGraph());
        Assert.Contains($"Given a condition of {model.Condition.Size} values", loaded.Summary());
    }

    [Fact]
    public void The_condition_is_a_second_input_of_both_graphs_and_described()
    {
        FlowModel model = s_cases["unknown"]();
        foreach ((byte[] graph, string first) in new[] { (model.BuildDensityGraph(), "Features"), (model.BuildSamplingGraph(), "Latent") })
        {
            using var session = new InferenceSession(graph);
            Assert.Equal([first, "Condition"], session.InputMetadata.Keys.Take(2));
            Assert.Equal([-1, 2], session.InputMetadata["Condition"].Dimensions);
            Dictionary<string, string> facts = session.ModelMetadata.CustomMetadataMap;
            Assert.Equal("2", facts["realnvp.condition.size"]);
            Assert.Equal("true", facts["realnvp.condition.may_be_unknown"]);
            Assert.Equal("""["hour","load"]""", facts["realnvp.condition.names"]);
        }
    }

    [Fact]
    public void Models_that_contradict_themselves_are_refused()
    {
        var steps = new RandomSteps(2, 1);
        FlowStep reading = steps.Coupling(steps.Alternating(true), conditionInputs: 2), plain = steps.Coupling(steps.Alternating(true));
        var condition = new FlowCondition([0, 0], [1, 1]);
        FlowShape shape = FlowShape.Vector(2);
        Assert.Contains("reads 2 inputs of a condition, where the flow has 0",
            Assert.Throws<FlowModelException>(() => new FlowModel(shape, [reading])).Message);
        Assert.Contains("reads 0 inputs of a condition, where the flow has 2",
            Assert.Throws<FlowModelException>(() => new FlowModel(shape, [plain], condition: condition)).Message);
        Assert.Contains("where the flow has 4", Assert.Throws<FlowModelException>(
            () => new FlowModel(shape, [reading], condition: new FlowCondition([0, 0], [1, 1], mayBeUnknown: true))).Message);
        Assert.Contains("expected 1 x 2", Assert.Throws<FlowModelException>(() => new FlowModel(shape, [reading], condition: condition,
            probes: new ProbeSet([0, 0], [0], [0, 0]))).Message);
        Assert.Throws<FlowModelException>(() => steps.Coupling(new CouplingMask([], [0, 1])));
        Assert.Throws<FlowModelException>(() => new FlowCondition([0, 0], [1, 0]));
        Assert.Throws<FlowModelException>(() => new FlowCondition([0, float.NaN], [1, 1]));
        Assert.Throws<FlowModelException>(() => new FlowCondition([], []));
        Assert.Throws<FlowModelException>(() => new FlowCondition([0], [1], names: ["a", "b"]));
    }

    private static IEnumerable<FlowStep> Couplings(RandomSteps steps, int count, int conditionInputs)
        => Enumerable.Range(0, count).Select(i
            => steps.Coupling(steps.Alternating(i % 2 == 0), 2, Activation.Relu, conditionInputs));

    private static FlowModel Flow(int features, int values, bool mayBeUnknown, Func<RandomSteps, IEnumerable<FlowStep>> learned,
        int members = 1)
    {
        var random = new Random(3);
        var condition = new FlowCondition([.. Enumerable.Range(0, values).Select(_ => (float)random.NextDouble() - 0.5f)],
            [.. Enumerable.Range(0, values).Select(_ => 0.5f + (float)random.NextDouble())], mayBeUnknown,
            values == 2 ? ["hour", "load"] : []);
        return new FlowModel(FlowShape.Vector(features), [.. Enumerable.Range(1, members).Select(seed =>
        {
            var steps = new RandomSteps(features, seed);
            return (FlowStep[])[new Standardization([.. new float[features]], [.. Enumerable.Repeat(2f, features)]),
                new TailCompression(10), .. learned(steps)];
        })], new Calibration([1, 2, 3], 0.1), condition: condition);
    }

    /// <summary>All outputs of a graph with a condition.</summary>
    internal static Dictionary<string, float[]> Run(byte[] graph, string input, float[][] rows, float[][] conditions,
        params (string Name, float[] Values)[] others)
    {
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = 1 };
        using var session = new InferenceSession(graph, options);
        (string Name, float[] Values)[] inputs
            = [(input, [.. rows.SelectMany(row => row)]), ("Condition", [.. conditions.SelectMany(row => row)]), .. others];
        OrtValue[] values = [.. inputs.Select(given
            => OrtValue.CreateTensorValueFromMemory(given.Values, [rows.Length, given.Values.Length / rows.Length]))];
        using var run = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> results
            = session.Run(run, [.. inputs.Select(given => given.Name)], values, session.OutputNames);
        Array.ForEach(values, value => value.Dispose());
        return session.OutputNames.Zip(results).ToDictionary(pair => pair.First, pair
            => pair.First == "PredictedLabel" ? [] : pair.Second.GetTensorDataAsSpan<float>().ToArray());
    }
}
