using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>
/// Flows with random, non-trivial weights, made without libtorch, and the same flows computed in double precision by plain loops.
/// </summary>
internal static class Flows
{
    /// <summary>
    /// A flow over columns with different units: standardisation, tail compression, couplings with batch norm; calibrated, with probes.
    /// </summary>
    public static FlowModel Random(int features = 5, int couplings = 4, int hidden = 16, int seed = 1, bool named = false,
        int calibration = 199, IReadOnlyList<string>? names = null)
    {
        var random = new Random(seed);
        float[] means = [.. Enumerable.Range(0, features).Select(i => 10f * i - 5)];
        float[] deviations = [.. Enumerable.Range(0, features).Select(i => MathF.Pow(4, i % 3 - 1))];
        List<FlowStep> steps = [new Standardization([.. means], [.. deviations]), new TailCompression(10)];
        for (int i = 0; i < couplings; i++)
        {
            ImmutableArray<int> even = [.. Enumerable.Range(0, features).Where(j => j % 2 == i % 2)];
            ImmutableArray<int> odd = [.. Enumerable.Range(0, features).Where(j => j % 2 != i % 2)];
            DenseLayer first = Layer(random, even.Length, hidden), second = Layer(random, hidden, hidden);
            steps.Add(new AffineCoupling(new CouplingMask(even, odd), [first, second], Activation.Relu,
                Layer(random, hidden, odd.Length), Layer(random, hidden, odd.Length), [.. odd.Select(_ => 0.5f + random.NextSingle())]));
            steps.Add(new BatchNorm(features, odd, [.. odd.Select(_ => 0.7f + 0.6f * random.NextSingle())],
                [.. odd.Select(_ => random.NextSingle() - 0.5f)]));
        }
        var model = new FlowModel(FlowShape.Vector(features), steps);
        float[][] probes = Rows(model, ProbeSet.StandardCount, seed + 1);
        (double LogLikelihood, double[] Latent)[] results = [.. probes.Select(row => Evaluate(model, row))];
        return new FlowModel(
            model.InputShape, model.Steps,
            new Calibration(Rows(model, calibration, seed + 2).Select(row => (float)-Evaluate(model, row).LogLikelihood), 0.1),
            named || names is not null
                ? new FlowMetadata { FeatureNames = [.. names ?? [.. Enumerable.Range(0, features).Select(i => $"feature {i}")]] } : null,
            new ProbeSet([.. probes.SelectMany(row => row)], [.. results.Select(result => result.LogLikelihood)],
                [.. results.SelectMany(result => result.Latent)]));
    }

    /// <summary>Rows around the mean of a flow's <see cref="Standardization"/>.</summary>
    public static float[][] Rows(FlowModel model, int count, int seed)
    {
        var standardization = (Standardization)model.Steps[0];
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, model.InputShape.Size)
            .Select(i => standardization.Mean[i]
            + standardization.StandardDeviation[i] * (float)(3 * random.NextDouble() - 1.5 + random.NextDouble())).ToArray())];
    }

    /// <summary>The log-likelihood in nats and the latent of one row, in double precision.</summary>
    public static (double LogLikelihood, double[] Latent) Evaluate(FlowModel model, float[] row)
    {
        double[] x = Array.ConvertAll(row, value => (double)value);
        double logDet = 0;
        foreach (FlowStep step in model.Steps)
        {
            switch (step)
            {
                case Standardization { Mean: var mean, StandardDeviation: var deviation }:
                    for (int i = 0; i < x.Length; i++)
                    {
                        x[i] = (x[i] - mean[i]) / deviation[i];
                        logDet -= Math.Log(deviation[i]);
                    }
                    break;
                case TailCompression { Bound: var bound }:
                    for (int i = 0; i < x.Length; i++)
                    {
                        double excess = Math.Log(Math.Max(Math.Abs(x[i]), bound) / bound);
                        x[i] = excess > 0 ? Math.Sign(x[i]) * bound * (1 + excess) : x[i];
                        logDet -= excess;
                    }
                    break;
                case AffineCoupling coupling:
                    double[] hidden = [.. coupling.Mask.Conditioning.Select(i => x[i])];
                    foreach (DenseLayer layer in coupling.Trunk)
                        hidden = Array.ConvertAll(Apply(layer, hidden), value => Math.Max(value, 0));
                    double[] r = Apply(coupling.LogScale, hidden), t = Apply(coupling.Shift, hidden);
                    for (int i = 0; i < r.Length; i++)
                    {
                        double s = coupling.Gain[i] * Math.Tanh(r[i]);
                        x[coupling.Mask.Transformed[i]] = x[coupling.Mask.Transformed[i]] * Math.Exp(s) + t[i];
                        logDet += s;
                    }
                    break;
                case BatchNorm norm:
                    for (int i = 0; i < norm.Positions.Length; i++)
                    {
                        x[norm.Positions[i]] = norm.Scale[i] * x[norm.Positions[i]] + norm.Shift[i];
                        logDet += Math.Log(norm.Scale[i]);
                    }
                    break;
                default:
                    throw new NotSupportedException(step.Kind);
            }
        }
        return (logDet - 0.5 * x.Sum(z => z * z) - 0.5 * x.Length * Math.Log(2 * Math.PI), x);
    }

    private static DenseLayer Layer(Random random, int inputs, int outputs) => new(inputs, outputs,
        [.. Enumerable.Range(0, inputs * outputs).Select(_ => (random.NextSingle() - 0.5f) * 2.5f / MathF.Sqrt(inputs))],
        [.. Enumerable.Range(0, outputs).Select(_ => random.NextSingle() - 0.5f)]);

    private static double[] Apply(DenseLayer layer, double[] x)
        => [.. Enumerable.Range(0, layer.Outputs)
        .Select(o => layer.Bias[o] + Enumerable.Range(0, layer.Inputs).Sum(i => layer.Weights[o * layer.Inputs + i] * x[i]))];
}
