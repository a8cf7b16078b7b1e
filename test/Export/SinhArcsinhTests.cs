using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Measuring;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps;
using TorchSharp;

namespace RealNvp.ML.Tests.Exports;

/// <summary>What a frozen sinh-arcsinh map refuses, and how it ends.</summary>
public sealed class SinhArcsinhTests
{
    [Theory]
    [InlineData(new float[] { 1, 1 }, new float[] { 0 }, "found 2 and 1")]
    [InlineData(new float[] { }, new float[] { }, "found 0 and 0")]
    [InlineData(new float[] { 1, 0 }, new float[] { 0, 0 }, "positive")]
    [InlineData(new[] { 1, float.PositiveInfinity }, new float[] { 0, 0 }, "positive")]
    [InlineData(new float[] { 1, 1 }, new[] { 0, float.NaN }, "finite")]
    public void Other_parameters_are_refused(float[] tail, float[] skew, string reason)
        => Assert.Contains(reason, Assert.Throws<FlowModelException>(() => new SinhArcsinh([.. tail], [.. skew])).Message,
        StringComparison.Ordinal);

    /// <summary>Where float32 had no square of y, far rows were infinitely likely: the most normal of all.</summary>
    [Theory, InlineData(1, 0, 0), InlineData(1, 0, 1e-5), InlineData(3, -4, 0), InlineData(3, -4, 1e-5), InlineData(0.2, 1, 1e-5)]
    public void A_row_is_the_less_likely_the_further_out_it_is_to_the_end_of_float32(double tail, double skew, double tailWeight)
    {
        float[] rows = [.. Enumerable.Range(2, 76).Select(i => MathF.Pow(10, 0.5f * i)), float.MaxValue];
        rows = [.. rows.SelectMany(x => new[] { x, -x }).OrderBy(Math.Abs)];
        var map = new SinhArcsinh([(float)tail], [(float)skew]);
        FlowStep[] steps = tailWeight > 0 ? [map, new LatentMixture(1, [], [], [], tailWeight)] : [map];
        float[][] results = Graphs.Run(new FlowModel(FlowShape.Vector(1), steps).BuildDensityGraph(), "Features", rows, 1,
            "LogLikelihood", "Latent");
        float[] found = results[0];
        Assert.All(results[1], z => Assert.True(float.IsFinite(z)));
        for (int i = 0; i < rows.Length; i++)
        {
            Assert.True(i < 2 || found[i] <= found[i - 2], $"{rows[i]}: {found[i]} after {found[Math.Max(0, i - 2)]}");
            Assert.InRange(found[i], float.MinValue, -1);
            double x = rows[i], u = map.Tail[0] * Math.Asinh(x) + map.Skew[0], z = Math.Sinh(u);
            if (Math.Abs(x) > 1e18 || Math.Abs(u) > 88)
                continue; // where the map has ended
            double logDensity = Math.Log(map.Tail[0]) + LogCosh(u) - LogCosh(Math.Asinh(x)) + LogSum(
                Math.Log(1 - tailWeight) - 0.5 * (z * z + Math.Log(2 * Math.PI)),
                Math.Log(tailWeight) - Math.Log(Math.PI) - (Math.Abs(z) < 1e100 ? Math.Log(1 + z * z) : 2 * Math.Log(Math.Abs(z))));
            double expected = Math.Max(float.MinValue, logDensity);
            Assert.Equal(1, found[i] / expected, 1e-4);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable guard = torch.no_grad();
        using Flow flow = new([new SinhArcsinhModule(1)]) { Tail = tailWeight > 0 ? new(1, tailWeight) : null };
        foreach ((torch.Tensor parameter, float value) in flow.parameters().Zip([MathF.Log(map.Tail[0]), map.Skew[0]]))
            parameter.fill_(value);
        flow.eval();
        float[] other = flow.LogLikelihood(torch.tensor(rows, [rows.Length, 1])).data<float>().ToArray();
        for (int i = 0; i < rows.Length; i++)
            Assert.Equal(1, found[i] / Math.Max(float.MinValue, other[i]), 1e-4);
    }

    private static double LogCosh(double x) => Math.Abs(x) + Math.Log((1 + Math.Exp(-2 * Math.Abs(x))) / 2);

    private static double LogSum(double a, double b) => Math.Max(a, b) + Math.Log(1 + Math.Exp(-Math.Abs(a - b)));
}
