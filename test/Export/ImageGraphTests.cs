using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>The graphs of image flows against <see cref="ReferenceImageFlow"/>: each step, and whole flows.</summary>
public sealed class ImageGraphTests
{
    private static readonly RandomImageSteps s_steps = new(2);

    private static readonly Dictionary<string, FlowModel> s_flows = new(StringComparer.Ordinal)
    {
        ["logit"] = Flow(2, 2, 3),
        ["squeeze, plain"] = Flow(3, 4, 2, new Squeeze(SqueezeOrder.Plain)),
        ["squeeze, ordered"] = Flow(3, 4, 2, new Squeeze(SqueezeOrder.Ordered)),
        ["unsqueeze, plain"] = Flow(8, 1, 2, new Unsqueeze(SqueezeOrder.Plain)),
        ["unsqueeze, ordered"] = Flow(8, 1, 2, new Unsqueeze(SqueezeOrder.Ordered)),
        ["factor out"] = Flow(4, 2, 2, new FactorOut(), new Squeeze(SqueezeOrder.Ordered), new FactorOut()),
        ["even pixels"] = Flow(2, 3, 4, s_steps.Coupling(ImageMask.EvenPixels, 2)),
        ["odd pixels, shift first"] = Flow(1, 4, 3, s_steps.Coupling(ImageMask.OddPixels, 1, 2, shiftFirst: true)),
        ["first channels"] = Flow(4, 3, 3, s_steps.Coupling(ImageMask.FirstChannels, 4, 0)),
        ["second channels, shift first"] = Flow(6, 2, 1, s_steps.Coupling(ImageMask.SecondChannels, 6, 1, shiftFirst: true)),
        ["batch norm over pixels"] = Flow(2, 3, 3, s_steps.Norm(ImageMask.EvenPixels, 2), s_steps.Norm(ImageMask.OddPixels, 2)),
        ["batch norm over channels"] = Flow(4, 2, 3, s_steps.Norm(ImageMask.FirstChannels, 4), s_steps.Norm(ImageMask.SecondChannels, 4)),
        ["grey"] = ImageFlows.Random(),
        ["colour"] = ImageFlows.Random(3, 4, 6, 256, 1 / 255f),
        ["three scales"] = Flow(1, 8, 4, [.. s_steps.Scale(1), .. s_steps.Scale(2), .. s_steps.Both(ImageMask.EvenPixels, 4)]),
        ["mixture"] = ImageFlows.Mixture(),
        ["learned dequantisation, grey"] = Dequantized(1, 17, 1),
        ["learned dequantisation, colour"] = Dequantized(3, 256, 1 / 255f),
    };

    /// <summary>The names of the flows.</summary>
    public static TheoryData<string> Names => [.. s_flows.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Density_graph_computes_the_formulas(string name)
    {
        FlowModel model = s_flows[name];
        float[][] rows = Rows(model);
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
        var random = new Random(8);
        float[][] latents = [.. Enumerable.Range(0, 20)
            .Select(_ => Enumerable.Range(0, model.InputShape.Size).Select(_ => (float)(6 * random.NextDouble() - 3)).ToArray())];
        List<(string, float[])> others = [("Temperature", [0.8f])];
        if (model.IsMixture)
            others.Add(("Member", [.. latents.Select((_, i) => (float)(i % model.Members.Length))]));
        float[] found = GraphResults.Of(model.BuildSamplingGraph(), "Latent", latents, [.. others])["Features"];
        double range = ImageFlows.LogitOf(model).Levels * (double)ImageFlows.LogitOf(model).LevelWidth; // the unit of the column
        Tolerance.Values(
            [.. latents.SelectMany((latent, i) => ReferenceFlow.Sample(model, latent, 0.8f, i % model.Members.Length))
                .Select(value => value / range)],
            Array.ConvertAll(found, value => (float)(value / range)));
    }

    [Fact]
    public void The_reference_undoes_itself()
    {
        foreach (FlowModel model in s_flows.Values)
        {
            float[] row = Rows(model)[3];
            double[] latent = ReferenceFlow.Latent(model, row);
            double[] back = ReferenceFlow.Sample(model, Array.ConvertAll(latent, value => (float)value));
            for (int i = 0; i < row.Length; i++)
                Assert.Equal(row[i], back[i], 1e-4 * ImageFlows.LogitOf(model).Levels);
        }
    }

    /// <summary>Noise shaped by a net, then a coupling and its norm.</summary>
    private static FlowModel Dequantized(int channels, int levels, float levelWidth)
    {
        var steps = new RandomImageSteps(5);
        return new(FlowShape.Image(channels, 3, 4), [steps.Dequantization(channels, levels, levelWidth), new Logit(levels, levelWidth),
            .. steps.Both(ImageMask.EvenPixels, channels)]);
    }

    /// <summary>Steps after a logit; the latents of their inputs are then spread as in a real flow.</summary>
    private static FlowModel Flow(int channels, int height, int width, params FlowStep[] steps)
        => new(FlowShape.Image(channels, height, width), [new Logit(17, 1), .. steps]);

    /// <summary>Levels, the ends among them, and values between and far outside them.</summary>
    private static float[][] Rows(FlowModel model)
    {
        float[][] rows = ImageFlows.Rows(model, 30);
        var random = new Random(6);
        foreach (float[] row in rows[20..])
        {
            for (int i = 0; i < row.Length; i++)
                row[i] *= (float)(4 * random.NextDouble() - 1.5);
        }
        return rows;
    }
}
