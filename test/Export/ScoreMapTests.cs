using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>The score map of graphs against each term by itself, and against the score.</summary>
public sealed class ScoreMapTests
{
    private static readonly RandomImageSteps s_steps = new(2);

    private static readonly Dictionary<string, FlowModel> s_flows = new(StringComparer.Ordinal)
    {
        ["logit"] = Flow(2, 2, 3),
        ["squeeze"] = Flow(3, 4, 2, new Squeeze(SqueezeOrder.Plain), s_steps.Coupling(ImageMask.FirstChannels, 12)),
        ["unsqueeze"] = Flow(8, 1, 2, new Unsqueeze(SqueezeOrder.Plain), s_steps.Coupling(ImageMask.EvenPixels, 2),
            s_steps.Norm(ImageMask.EvenPixels, 2)),
        ["batch norm over odd sides"] = Flow(2, 3, 3, s_steps.Norm(ImageMask.EvenPixels, 2), s_steps.Norm(ImageMask.OddPixels, 2)),
        ["factor out"] = Flow(4, 2, 2, new FactorOut(), new Squeeze(SqueezeOrder.Ordered), new FactorOut()),
        ["grey"] = ImageFlows.Random(),
        ["three scales"] = Flow(1, 8, 4, [.. s_steps.Scale(1), .. s_steps.Scale(2), .. s_steps.Both(ImageMask.EvenPixels, 4)]),
        ["learned dequantisation"] = new(FlowShape.Image(1, 4, 4),
            [new RandomImageSteps(5).Dequantization(1, 17, 1), new Logit(17, 1), s_steps.Coupling(ImageMask.EvenPixels, 1)]),
        ["mixture"] = ImageFlows.Mixture(),
        ["maps"] = FeatureMapFlows.Random(kernel: 3),
        ["mixture of maps"] = FeatureMapFlows.Random(members: 3),
    };

    /// <summary>The names of the flows.</summary>
    public static TheoryData<string> Names => [.. s_flows.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Every_term_is_at_its_place_and_all_add_up_to_the_score(string name)
    {
        FlowModel model = s_flows[name];
        float[][] rows = Rows(model);
        Dictionary<string, float[]> found = GraphResults.Of(model.BuildDensityGraph(scoreMap: true), "Features", rows);
        int positions = model.InputShape.Dimensions[1] * model.InputShape.Dimensions[2];
        for (int i = 0; i < rows.Length; i++)
        {
            float[] map = found["ScoreMap"][(i * positions)..((i + 1) * positions)];
            Tolerance.LogLikelihoods([-map.Sum(value => (double)value)], [found["LogLikelihood"][i]], model.InputShape.Size);
            Tolerance.LogLikelihoods(ReferenceFlow.ScoreMap(model, rows[i]), map, 1);
            Assert.Equal(map.Max(), found["MapMaximum"][i]);
        }
        Assert.Equal(GraphResults.Of(model.BuildDensityGraph(), "Features", rows)["LogLikelihood"], found["LogLikelihood"]);
    }

    [Fact]
    public void What_a_position_says_changes_the_map_there_alone_where_nets_look_at_one_position()
    {
        FlowModel model = s_flows["mixture of maps"], single = FeatureMapFlows.Random();
        float[] row = FeatureMapFlows.Rows(single, 1)[0], other = [.. row];
        for (int channel = 0; channel < 5; channel++)
            other[channel * 12 + 7] += 3; // at one position
        float[] map = Map(single, row, other);
        for (int i = 0; i < 12; i++)
            Assert.Equal(i == 7, Math.Abs(map[i] - map[12 + i]) > 1e-4);
        // of a mixture, what the members say is weighed by the whole picture
        map = Map(model, row, other);
        Assert.True(Math.Abs(map[7] - map[19]) > 1);
    }

    [Fact]
    public void What_a_pixel_says_stays_within_the_reach_of_the_nets()
    {
        // one coupling of a net of 3x3 convolutions: a reach of 1 and, with a residual block of two more, of 3
        FlowModel model = Flow(1, 12, 12, s_steps.Coupling(ImageMask.EvenPixels, 1));
        float[] row = ImageFlows.Rows(model, 3)[2], other = [.. row];
        other[0] = row[0] > 8 ? 0 : 16;
        float[] map = Map(model, row, other);
        for (int y = 0; y < 12; y++)
        {
            for (int x = 0; x < 12; x++)
            {
                if (Math.Max(y, x) > 3)
                    Assert.Equal(map[12 * y + x], map[144 + 12 * y + x], 1e-5);
            }
        }
        Assert.NotEqual(map[0], map[144], 1e-2);
    }

    [Fact]
    public void Rows_that_are_not_finite_have_no_map_and_far_ones_a_finite_one()
    {
        FlowModel model = s_flows["maps"];
        float[] lost = FeatureMapFlows.Rows(model, 1)[0], far = [.. lost];
        lost[3] = float.NaN;
        far[3] = 1e30f;
        float[] map = Map(model, lost, far);
        Assert.All(map[..12], value => Assert.True(float.IsNaN(value)));
        Assert.All(map[12..], value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Decisions_by_the_maximum_follow_its_own_calibration()
    {
        FlowModel model = s_flows["maps"];
        float[][] rows = FeatureMapFlows.Rows(model, 60, seed: 11);
        rows[0] = [.. rows[0].Select(value => 4 * value)];
        Dictionary<string, float[]> found = GraphResults.Of(model.BuildDensityGraph(scoreMap: true), "Features", rows);
        Calibration calibration = model.ScoreMapCalibration!.Maximum;
        Assert.Equal(Array.ConvertAll(found["MapMaximum"], calibration.PValue), found["MapMaximumPValue"],
            (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(Array.ConvertAll(found["MapMaximum"], value => value > calibration.Threshold ? 1f : 0), found["MapMaximumLabel"]);
        Assert.Equal(1, found["MapMaximumLabel"][0]);
        Assert.Contains(0, found["MapMaximumLabel"]);
    }

    [Fact]
    public void A_flow_over_vectors_has_no_map()
        => Assert.Contains("Contributions tell", Assert.Throws<InvalidOperationException>(()
            => new FlowModel(FlowShape.Vector(2), Array.Empty<FlowStep>()).BuildDensityGraph(scoreMap: true)).Message,
            StringComparison.Ordinal);

    private static float[] Map(FlowModel model, params float[][] rows)
        => GraphResults.Of(model.BuildDensityGraph(scoreMap: true), "Features", rows)["ScoreMap"];

    private static FlowModel Flow(int channels, int height, int width, params FlowStep[] steps)
        => new(FlowShape.Image(channels, height, width), [new Logit(17, 1), .. steps]);

    private static float[][] Rows(FlowModel model)
        => model.Steps[0] is Logit ? ImageFlows.Rows(model, 10) : FeatureMapFlows.Rows(model, 10);
}
