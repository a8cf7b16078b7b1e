using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>The graphs of flows of continuous maps against <see cref="ReferenceImageFlow"/>, and their file.</summary>
public sealed class FeatureMapGraphTests
{
    private static readonly Dictionary<string, FlowModel> s_flows = new(StringComparer.Ordinal)
    {
        ["1x1"] = FeatureMapFlows.Random(),
        ["3x3"] = FeatureMapFlows.Random(kernel: 3, channels: 4),
        ["mixture"] = FeatureMapFlows.Random(members: 2),
    };

    /// <summary>The names of the flows.</summary>
    public static TheoryData<string> Names => [.. s_flows.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Density_graph_computes_the_formulas(string name)
    {
        FlowModel model = s_flows[name];
        float[][] rows = FeatureMapFlows.Rows(model, 20);
        Dictionary<string, float[]> found = GraphResults.Of(model.BuildDensityGraph(), "Features", rows);
        Tolerance.LogLikelihoods([.. rows.Select(row => ReferenceFlow.LogLikelihood(model, row))], found["LogLikelihood"],
            model.InputShape.Size);
        if (!model.IsMixture)
            Tolerance.Values([.. rows.SelectMany(row => ReferenceFlow.Latent(model, row))], found["Latent"]);
    }

    [Theory, MemberData(nameof(Names))]
    public void Sampling_graph_computes_the_inverse_formulas(string name)
    {
        FlowModel model = s_flows[name];
        float[][] latents = FeatureMapFlows.Rows(model, 20, seed: 8);
        List<(string, float[])> others = [("Temperature", [0.8f])];
        if (model.IsMixture)
            others.Add(("Member", [.. latents.Select((_, i) => (float)(i % model.Members.Length))]));
        float[] found = GraphResults.Of(model.BuildSamplingGraph(), "Latent", latents, [.. others])["Features"];
        Tolerance.Values(
            [.. latents.SelectMany((latent, i) => ReferenceFlow.Sample(model, latent, 0.8f, i % model.Members.Length))], found);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_flow_of_another_size_has_the_same_positions_finer(string name)
    {
        FlowModel model = s_flows[name].WithImageSize(2, 5);
        float[][] rows = FeatureMapFlows.Rows(model, 5);
        Tolerance.LogLikelihoods([.. rows.Select(row => ReferenceFlow.LogLikelihood(model, row))],
            GraphResults.Of(model.BuildDensityGraph(), "Features", rows)["LogLikelihood"], model.InputShape.Size);
    }

    [Fact]
    public void A_file_keeps_the_flow_and_the_calibration_of_its_map()
    {
        FlowModel model = s_flows["1x1"];
        using var stream = new MemoryStream();
        model.Save(stream);
        Assert.Equal(4u, BitConverter.ToUInt32(stream.ToArray(), 8)); // a version that older libraries refuse by its number
        stream.Position = 0;
        FlowModel loaded = FlowModel.Load(stream);
        Assert.Equal(model.BuildDensityGraph(scoreMap: true), loaded.BuildDensityGraph(scoreMap: true));
        Assert.Equal(model.ScoreMapCalibration!.Position.Scores, loaded.ScoreMapCalibration!.Position.Scores);
        Assert.Equal(model.ScoreMapCalibration.Maximum.Threshold, loaded.ScoreMapCalibration.Maximum.Threshold);
        Assert.Contains("5 channels", model.Summary(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_that_do_not_fit_are_refused()
    {
        PositionedCoupling coupling = new FeatureMapFlows(1).Coupling(ImageMask.FirstChannels, 5, 1);
        Refused("3 inputs and 4 outputs", () => new PositionedCoupling(ImageMask.SecondChannels, coupling.Net, coupling.Gain));
        Refused("not one of this coupling's", () => new PositionedCoupling(ImageMask.EvenPixels, coupling.Net, coupling.Gain));
        Refused("four planes", () => new PositionedNet(coupling.Net.First, coupling.Net.First, [], coupling.Net.Output));
        Refused("expects an image of 5 channels", () => new FlowModel(FlowShape.Image(4, 2, 2), [coupling]));
        Refused("singular", () => new ChannelLinear(2, [1, 2, 2, 4]));
        Refused("no score map", () => new FlowModel(FlowShape.Vector(3), Array.Empty<FlowStep>())
            .WithScoreMapCalibration(new([], [], 0.1)));

        static void Refused(string expected, Func<object> make)
            => Assert.Contains(expected, Assert.Throws<FlowModelException>(make).Message, StringComparison.Ordinal);
    }
}
