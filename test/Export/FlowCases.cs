using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>Flows that take every path through the graph writer.</summary>
internal static class FlowCases
{
    /// <summary>The flows by name; all but the first begin with standardisation and tail compression, as trained ones do.</summary>
    public static IReadOnlyDictionary<string, Func<FlowModel>> All { get; }
        = new Dictionary<string, Func<FlowModel>>(StringComparer.Ordinal)
    {
        ["no steps"] = () => Calibrated(3, (FlowStep[])[]),
        ["one feature"] = () => Trained(1, _ => []),
        ["two features"] = () => Trained(2, steps => Alternating(steps, 4)),
        ["odd number of features"] = () => Trained(7, steps => Alternating(steps, 5)),
        ["even number of features"] = () => Trained(8, steps => Alternating(steps, 6)),
        ["other masks in every coupling"] = () => Trained(6, steps => Enumerable.Range(0, 5).Select(_ => steps.Coupling(steps.Mask()))),
        ["batch norm in the mask's order"]
            = () => Trained(6, steps => Enumerable.Range(0, 4).SelectMany(_ => WithNorm(steps, steps.Mask(), other: false))),
        ["batch norm over other positions"]
            = () => Trained(6, steps => Enumerable.Range(0, 4).SelectMany(_ => WithNorm(steps, steps.Mask(), other: true))),
        ["two batch norms after a coupling"] = () => Trained(5, steps => Enumerable.Range(0, 3).SelectMany(i =>
        {
            CouplingMask mask = steps.Alternating(i % 2 == 0);
            return (FlowStep[])[steps.Coupling(mask), steps.Norm(mask.Transformed), steps.Norm(mask.Transformed)];
        })),
        ["batch norm first"] = () => Trained(4, steps => [steps.Norm([3, 0]), .. Alternating(steps, 2)]),
        ["permutations"]
            = () => Trained(6, steps => Enumerable.Range(0, 4).SelectMany(_ => (FlowStep[])
                [steps.Permutation(), .. Alternating(steps, 2)])),
        ["permutation last"] = () => Trained(5, steps => [.. Alternating(steps, 3), steps.Permutation()]),
        ["no hidden layer"]
            = () => Trained(6, steps => Enumerable.Range(0, 4).Select(i => steps.Coupling(steps.Alternating(i % 2 == 0), hiddenLayers: 0))),
        ["tanh"]
            = () => Trained(6, steps => Enumerable.Range(0, 4)
                .Select(i => steps.Coupling(steps.Alternating(i % 2 == 0), 1, Activation.Tanh))),
        ["standardisation and compression between couplings"] = () => Trained(5, steps =>
            [.. Alternating(steps, 2), steps.Standardization(), .. Alternating(steps, 2), steps.TailCompression(),
                .. Alternating(steps, 1)]),
        ["rotations"]
            = () => Trained(6, steps => Enumerable.Range(0, 3).SelectMany(i => (FlowStep[])[steps.Rotation(), .. Alternating(steps, 2)])),
        ["rotation last"] = () => Trained(3, steps => [steps.Dequantization(), .. Alternating(steps, 2), steps.Rotation()]),
        ["compression last"] = () => Trained(5, steps => [.. Alternating(steps, 3), new TailCompression(1.5f)]),
        ["linear maps"]
            = () => Trained(6, steps => Enumerable.Range(0, 3).SelectMany(i => (FlowStep[])[steps.Linear(), .. Alternating(steps, 2)])),
        ["linear map last"] = () => Trained(3, steps => [.. Alternating(steps, 2), steps.Linear()]),
        ["marginals"]
            = () => Trained(5, steps =>
                [steps.Marginals(), .. Alternating(steps, 2), steps.Marginals(), .. Alternating(steps, 1), steps.Marginals()]),
        ["splines"] = () => Trained(5, steps => [steps.Spline(), .. Alternating(steps, 2), steps.Spline(9), .. Alternating(steps, 1)]),
        ["spline of one feature"] = () => Trained(1, steps => [steps.Marginals(), steps.Spline(32)]),
        ["mixture of latents"] = () => Trained(3, steps => [.. Alternating(steps, 3), new LatentMixture([0.2f, 0.3f, 0.1f],
            [1, -1, 0.5f, -0.5f, 0.25f, 0, 0, 2, -1], [0.3f, 0.2f, 0.5f, 0.9f, 0.3f, 0.4f, 0.5f, 0.6f, 0.2f])]),
        ["mixture"] = () => Mixture(6, 3),
        ["mixture of one feature"] = () => Mixture(1, 2),
    };

    /// <summary>A flow of random steps in random order after standardisation and tail compression.</summary>
    public static FlowModel Any(int seed)
    {
        int features = 1 + seed % 9;
        return Trained(features, steps => Enumerable.Range(0, 1 + seed % 7).Select(_ => steps.Any()), seed);
    }

    /// <summary>
    /// Rows that a flow meets: typical ones, outliers of every size up to the largest float, and one each with NaN and the infinities.
    /// </summary>
    public static float[][] Rows(int features, int count = 100, int seed = 5)
    {
        var random = new Random(seed);
        float[][] rows = [.. Enumerable.Range(0, count)
            .Select(_ => Enumerable.Range(0, features).Select(_ => (float)(8 * random.NextDouble() - 4)).ToArray())];
        float[] special =
        [
            50, -400, 1e6f, -1e12f, 1e30f, -1e30f, float.MaxValue, -float.MaxValue, float.Epsilon, -0f,
            float.NaN, float.PositiveInfinity, float.NegativeInfinity,
        ];
        for (int i = 0; i < special.Length; i++)
        {
            rows[3 * i + 1][i % features] = special[i];
            rows[3 * i + 2][(i + 1) % features] = special[i];
        }
        // a whole row of the largest values, one with an infinity beside a NaN
        rows[^1] = [.. Enumerable.Range(0, features).Select(i => i % 2 == 0 ? float.MaxValue : -float.MaxValue)];
        rows[^2] = [.. Enumerable.Range(0, features).Select(i => i % 2 == 0 ? float.NaN : float.PositiveInfinity)];
        return rows;
    }

    private static FlowModel Trained(int features, Func<RandomSteps, IEnumerable<FlowStep>> learned, int seed = 1)
    {
        var steps = new RandomSteps(features, seed);
        return Calibrated(features, [steps.Standardization(), new TailCompression(10), .. learned(steps)]);
    }

    private static FlowModel Mixture(int features, int members)
    {
        // the members of a trained mixture have their preprocessing in common
        var common = new RandomSteps(features, 0);
        FlowStep[] first = [common.Standardization(), new TailCompression(10)];
        return Calibrated(features, [.. Enumerable.Range(1, members).Select(seed =>
        {
            var steps = new RandomSteps(features, seed);
            return (FlowStep[])[.. first, .. features == 1 ? [steps.Norm([0])] : Alternating(steps, 3)];
        })]);
    }

    private static FlowModel Calibrated(int features, params FlowStep[][] members)
    {
        var model = new FlowModel(FlowShape.Vector(features), members);
        float[] scores
            = [.. Rows(features, 139, seed: 6).Select(row => (float)-ReferenceFlow.LogLikelihood(model, row)).Where(float.IsFinite)];
        return model.WithCalibration(new Calibration(scores, 0.1));
    }

    private static IEnumerable<FlowStep> Alternating(RandomSteps steps, int couplings)
        => Enumerable.Range(0, couplings).SelectMany(i => WithNorm(steps, steps.Alternating(i % 2 == 0), other: false));

    private static FlowStep[] WithNorm(RandomSteps steps, CouplingMask mask, bool other)
        => [steps.Coupling(mask), steps.Norm(other ? [.. mask.Transformed.Reverse(), mask.Conditioning[0]] : mask.Transformed)];
}
