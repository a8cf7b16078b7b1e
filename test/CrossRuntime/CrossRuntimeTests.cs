using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Tests.Exports;
using RealNvp.ML.Tests.Transforms.Pipelines;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.CrossRuntime;

/// <summary>The exported graphs in onnxruntime-web (WebAssembly) and in ONNX Runtime agree on all outputs.</summary>
public class CrossRuntimeTests(NodeRuntime node) : IClassFixture<NodeRuntime>
{
    [Theory]
    [InlineData("even number of features")]
    [InlineData("odd number of features")]
    [InlineData("permutations")]
    [InlineData("rotations")]
    [InlineData("mixture")]
    public void Density_graph_gives_the_same_in_another_runtime(string name)
    {
        FlowModel model = FlowCases.All[name]();
        int size = model.InputShape.Size;
        float[][] rows = FlowCases.Rows(size, 100);
        byte[] graph = model.BuildDensityGraph();
        Dictionary<string, float[]> there = node.Run(graph, "Features", rows), here = GraphResults.Of(graph, "Features", rows);
        Assert.Equal(here.Keys.Order(StringComparer.Ordinal), there.Keys.Order(StringComparer.Ordinal));
        AssertNear(here["LogLikelihood"], there["LogLikelihood"], size);
        AssertNear(here["Score"], there["Score"], size);
        if (!model.IsMixture)
            AssertNear(here["Latent"], there["Latent"], 1);

        float[] scores = here["Score"];
        for (int i = 0; i < rows.Length; i++)
        {
            Assert.Equal(rows[i].All(float.IsFinite), float.IsFinite(scores[i]));
            double tolerance = Tolerance.Of(scores[i], size);
            // either side of a cut is right where the score lies within the tolerance of it
            if (!(Math.Abs(scores[i] - model.Calibration.Threshold) <= tolerance))
                Assert.Equal(here["PredictedLabel"][i], there["PredictedLabel"][i]);
            if (!model.Calibration.Scores.Any(cut => Math.Abs(scores[i] - cut) <= tolerance))
                Assert.Equal(here["PValue"][i], there["PValue"][i]);
        }
        float[] typicalities = here["Typicality"];
        AssertNear(typicalities, there["Typicality"], size, scores);
        for (int i = 0; i < rows.Length; i++)
        {
            double tolerance = Tolerance.Of(scores[i], size); // that of the score, of which it is a difference
            if (!model.Calibration.Typicalities.Any(cut => Math.Abs(typicalities[i] - cut) <= tolerance))
                Assert.Equal(here["TypicalityPValue"][i], there["TypicalityPValue"][i]);
        }
        Assert.InRange(here["PredictedLabel"].Sum(), 1, 99); // both labels occur
    }

    [Fact]
    public void Whole_pipeline_from_raw_columns_gives_the_same_in_another_runtime()
    {
        var ml = new MLContext(seed: 1);
        IDataView machines = Machine.Load(ml, 300, 1);
        IDataView rows = ml.Data.Cache(ml.Transforms.SelectColumns("Kind", "Temperature", "Pressure").Fit(machines).Transform(machines));
        // not OneHotEncoding: ML.NET declares another shape than it gives, which this runtime refuses and ONNX Runtime warns of
        var ranks = new Dictionary<string, float> { ["pump"] = 1, ["fan"] = 2, ["press"] = 3 };
        using var model = ml.Transforms.ReplaceMissingValues("Pressure").Append(ml.Transforms.Conversion.MapValue("Rank", ranks, "Kind"))
            .Append(ml.Transforms.Concatenate("Features", "Temperature", "Pressure", "Rank"))
            .Append(ml.Transforms.NormalizeMeanVariance("Features"))
            .Append(ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 20 })).Fit(rows);
        byte[] graph = ConvertedPipeline.Convert(ml, model, rows, "Score", "PredictedLabel", "Latent");
        Dictionary<string, float[]> there = node.Run(graph, new Dictionary<string, object?[]>
        {
            ["Kind"] = [.. rows.GetColumn<string>("Kind")],
            ["Temperature"] = [.. rows.GetColumn<float>("Temperature").Select(Number)],
            ["Pressure"] = [.. rows.GetColumn<float>("Pressure").Select(Number)],
        });
        IDataView here = model.Transform(rows);
        AssertNear([.. here.GetColumn<float>("Score")], there["Score.output"], 3);
        AssertNear([.. here.GetColumn<float[]>("Latent").SelectMany(row => row)], there["Latent.output"], 1);
        Assert.Equal(here.GetColumn<bool>("PredictedLabel").Select(label => label ? 1f : 0), there["PredictedLabel.output"]);

        static object? Number(float value) => float.IsNaN(value) ? null : value;
    }

    [Theory]
    [InlineData("even number of features")]
    [InlineData("odd number of features")]
    [InlineData("permutations")]
    public void Sampling_graph_gives_the_same_in_another_runtime(string name)
    {
        FlowModel model = FlowCases.All[name]();
        var random = new Random(4);
        float[][] latents = [.. Enumerable.Range(0, 100).Select(i => Enumerable.Range(0, model.InputShape.Size)
            .Select(_ => (float)((i % 10 == 0 ? 20 : 6) * (random.NextDouble() - 0.5))).ToArray())];
        byte[] graph = model.BuildSamplingGraph();
        AssertNear(GraphResults.Of(graph, "Latent", latents)["Features"], node.Run(graph, "Latent", latents)["Features"], 1);
    }

    /// <summary>Flows with a condition that may be unknown: of a table, and of images.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void Graphs_with_conditions_give_the_same_in_another_runtime(bool ofImages)
    {
        FlowModel model = ofImages ? ImageFlows.Conditional() : ConditionGraphTests.Case("unknown");
        const int Count = 40;
        int size = model.InputShape.Size;
        float[][] conditions = ImageFlows.Conditions(Count),
            rows = ofImages ? ImageFlows.Rows(model, Count) : FlowCases.Rows(size)[..Count],
            latents = [.. Tables.Gaussian(Count * size, 1, seed: 2).Select(row => row[0] / 4).Chunk(size)];
        byte[] density = model.BuildDensityGraph(), sampling = model.BuildSamplingGraph();
        Dictionary<string, float[]> here = ConditionGraphTests.Run(density, "Features", rows, conditions),
            there = node.Run(density, ("Features", rows), ("Condition", conditions));
        Assert.Contains(conditions, row => row.All(float.IsNaN));
        AssertNear(here["LogLikelihood"], there["LogLikelihood"], size);
        AssertNear(here["Latent"], there["Latent"], 1);
        float unit = ofImages ? 17 : 1; // that of the features
        float[] InUnits(float[] features) => Array.ConvertAll(features, value => value / unit);
        AssertNear(InUnits(ConditionGraphTests.Run(sampling, "Latent", latents, conditions)["Features"]),
            InUnits(node.Run(sampling, ("Latent", latents), ("Condition", conditions))["Features"]), 1);
    }

    private static void AssertNear(float[] expected, float[] found, int least, float[]? magnitudes = null)
    {
        magnitudes ??= expected;
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsNaN(expected[i]) ? float.IsNaN(found[i])
                : Math.Abs((double)expected[i] - found[i]) <= Tolerance.Of(magnitudes[i], least),
                $"Element {i} is {found[i]}, expected {expected[i]}.");
        }
    }
}
