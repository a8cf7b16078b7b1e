using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>Both graphs against <see cref="ReferenceFlow"/>.</summary>
public class GraphTests
{
    public static TheoryData<string> Cases => [.. FlowCases.All.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Density_graph_computes_the_formulas(string name) => CheckDensity(FlowCases.All[name]());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Sampling_graph_computes_the_inverse_formulas(string name) => CheckSampling(FlowCases.All[name]());

    [Fact]
    public void Graphs_of_steps_in_any_order_compute_the_formulas()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            FlowModel model = FlowCases.Any(seed);
            try
            {
                CheckDensity(model);
                CheckSampling(model);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Flow {seed}:\n{model.Summary()}", e);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Graph_decides_as_the_calibration_does(string name)
    {
        FlowModel model = FlowCases.All[name]();
        float[][] rows = FlowCases.Rows(model.InputShape.Size);
        foreach (Calibration calibration in new[] { model.Calibration, model.Calibration.WithContamination(0.3), Calibration.None })
        {
            FlowModel calibrated = model.WithCalibration(calibration);
            CheckDecision(calibration, calibration.Threshold, GraphResults.Of(calibrated.BuildDensityGraph(), "Features", rows));
            CheckDecision(calibration, 7.5f, GraphResults.Of(calibrated.BuildDensityGraph(), "Features", rows, ("Threshold", [7.5f])));
        }
    }

    [Fact]
    public void Scores_are_finite_without_tail_compression_too()
    {
        for (int seed = 0; seed < 30; seed++)
        {
            var steps = new RandomSteps(6, seed);
            var model = new FlowModel(FlowShape.Vector(6),
                [steps.Standardization(), steps.Coupling(steps.Mask()), steps.Norm([1, 2]), steps.Coupling(steps.Mask())]);
            float[][] rows = FlowCases.Rows(6);
            Dictionary<string, float[]> results = GraphResults.Of(model.BuildDensityGraph(), "Features", rows);
            for (int i = 0; i < rows.Length; i++)
            {
                bool finite = rows[i].All(float.IsFinite);
                Assert.Equal(finite, float.IsFinite(results["Score"][i]));
                Assert.Equal(finite, float.IsFinite(results["LogLikelihood"][i]));
                Assert.Equal(!finite, float.IsNaN(results["PValue"][i]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Row_scores_the_same_in_every_batch(string name)
    {
        FlowModel model = FlowCases.All[name]();
        float[][] rows = FlowCases.Rows(model.InputShape.Size);
        byte[] graph = model.BuildDensityGraph(DensityOutputs.Latent);
        float[] together = GraphResults.Of(graph, "Features", rows)["LogLikelihood"];
        foreach (int size in new[] { 1, 7 })
        {
            float[] apart = [.. rows.Chunk(size).SelectMany(batch => GraphResults.Of(graph, "Features", batch)["LogLikelihood"])];
            for (int i = 0; i < rows.Length; i++)
                AssertNear(together[i], apart[i], model.InputShape.Size, $"row {i} in batches of {size}");
        }
    }

    [Fact]
    public void Batch_norm_behind_its_coupling_costs_no_node()
    {
        var steps = new RandomSteps(6, 1);
        CouplingMask mask = steps.Mask();
        AffineCoupling coupling = steps.Coupling(mask);
        FlowModel with = new(FlowShape.Vector(6), [coupling, steps.Norm(mask.Transformed)]), without = new(FlowShape.Vector(6), [coupling]);
        // the folded scale is multiplied once, at the graph's end
        Assert.InRange(Nodes(with.BuildDensityGraph()) - Nodes(without.BuildDensityGraph()), 0, 1);
        static int Nodes(byte[] graph) => ML.Export.Onnx.ModelProto.Parser.ParseFrom(graph).Graph.Node.Count;
    }

    private static void CheckDensity(FlowModel model)
    {
        int size = model.InputShape.Size;
        float[][] rows = FlowCases.Rows(size);
        Dictionary<string, float[]> full = GraphResults.Of(model.BuildDensityGraph(), "Features", rows);
        Dictionary<string, float[]> lean = GraphResults.Of(model.BuildDensityGraph(DensityOutputs.Latent), "Features", rows);
        string[] latents = model.IsMixture ? [] : ["Latent"];
        Assert.Equal([.. latents, "LogLikelihood", "PValue", "PredictedLabel", "Score", "Typicality", "TypicalityPValue"],
            full.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([.. latents, "LogLikelihood"], lean.Keys.Order(StringComparer.Ordinal));
        for (int i = 0; i < rows.Length; i++)
        {
            double logLikelihood = ReferenceFlow.LogLikelihood(model, rows[i]);
            string where = $"row {i}: {string.Join(" ", rows[i])}";
            AssertNear(logLikelihood, full["LogLikelihood"][i], size, where);
            AssertNear(logLikelihood, lean["LogLikelihood"][i], size, where);
            AssertNear(-logLikelihood, full["Score"][i], size, where);
            if (model.IsMixture)
                continue;
            double[] latent = ReferenceFlow.Latent(model, rows[i]);
            // far outside, a small value may be the difference of large ones: the row's largest says what float32 can tell apart
            double least = rows[i].Any(value => Math.Abs(value) > 100) ? latent.Max(Math.Abs) : 1;
            for (int j = 0; j < size; j++)
            {
                AssertNear(latent[j], full["Latent"][i * size + j], least, where);
                AssertNear(latent[j], lean["Latent"][i * size + j], least, where);
            }
        }
    }

    private static void CheckSampling(FlowModel model)
    {
        int size = model.InputShape.Size;
        var random = new Random(7);
        // three standard deviations, and a few rows farther out, where compressed tails come back
        float[][] latents = [.. Enumerable.Range(0, 60).Select(i => Enumerable.Range(0, size)
            .Select(_ => (float)((i % 10 == 0 ? 20 : 6) * (random.NextDouble() - 0.5))).ToArray())];
        foreach (float temperature in new[] { 1f, 0.5f, 0f })
        {
            List<(string, float[])> others = [];
            if (temperature != 1)
                others.Add(("Temperature", [temperature]));
            if (model.IsMixture)
                others.Add(("Member", [.. latents.Select((_, i) => (float)(i % model.Members.Length))]));
            float[] features = GraphResults.Of(model.BuildSamplingGraph(), "Latent", latents, [.. others])["Features"];
            for (int i = 0; i < latents.Length; i++)
            {
                double[] expected = ReferenceFlow.Sample(model, latents[i], temperature, i % model.Members.Length);
                for (int j = 0; j < size; j++)
                {
                    float found = features[i * size + j];
                    // the inverse of a compressed tail stops growing near the end of float32
                    if (Math.Abs(expected[j]) > 1e30)
                        Assert.True(Math.Sign(expected[j]) * found > 1e28, $"Found {found}, expected {expected[j]}.");
                    else
                        AssertNear(expected[j], found, 1, $"latent {i} at temperature {temperature}: {string.Join(" ", latents[i])}");
                }
            }
        }
    }

    private static void CheckDecision(Calibration calibration, float threshold, Dictionary<string, float[]> results)
    {
        float[] scores = results["Score"];
        for (int i = 0; i < scores.Length; i++)
        {
            Assert.Equal(scores[i] > threshold ? 1 : 0, results["PredictedLabel"][i]);
            Assert.Equal(calibration.PValue(scores[i]), results["PValue"][i]);
            Assert.Equal(calibration.Typicality(scores[i]), results["Typicality"][i]);
            Assert.Equal(calibration.TypicalityPValue(results["Typicality"][i]), results["TypicalityPValue"][i]);
        }
        Assert.Contains(scores, float.IsNaN);
    }

    private static void AssertNear(double expected, float found, double least, string where)
    {
        double tolerance = Tolerance.Of(expected, least);
        Assert.True(double.IsNaN(expected) ? float.IsNaN(found) : Math.Abs(expected - found) <= tolerance,
            $"Found {found}, expected {expected:R} +- {tolerance:G3} at {where}.");
    }
}
