using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Bench.Flows;

/// <summary>
/// A flow of the form that training yields, with random weights: what running it costs does not depend on what it has learned. The shapes
/// are those of the trainer: standardisation, tail compression, then pairs of couplings over the halves of a random order, each of one
/// trunk with two heads and followed by its batch norm.
/// </summary>
/// <param name="Features">The length of a row, D.</param>
/// <param name="Couplings">The number of couplings.</param>
/// <param name="HiddenLayers">Hidden layers of each coupling's trunk.</param>
/// <param name="HiddenUnits">Units of each hidden layer.</param>
internal sealed record BenchmarkFlow(int Features, int Couplings, int HiddenLayers, int HiddenUnits)
{
    /// <summary>The flow that figures are judged by.</summary>
    public static BenchmarkFlow Standard { get; } = new(16, 8, 2, 64);

    /// <summary>A flow of twice as many features and more than three times as many weights.</summary>
    public static BenchmarkFlow Large { get; } = new(30, 6, 3, 128);

    /// <inheritdoc/>
    public override string ToString() => $"D = {Features}, {Couplings} couplings, {HiddenLayers}x{HiddenUnits}";

    /// <summary>The flow, with 1,000 calibration scores around those of standard normal rows.</summary>
    public FlowModel Build()
    {
        var random = new Random(Seed: 1);
        List<FlowStep> steps =
        [
            new Standardization(Draw(random, Features, -1, 1), Draw(random, Features, 0.5, 2)),
            new TailCompression(10),
        ];
        CouplingMask mask = new([.. Enumerable.Range(0, Features / 2)], [.. Enumerable.Range(Features / 2, Features - Features / 2)]);
        for (int i = 0; i < Couplings; i++, mask = mask.Complement())
        {
            if (i % 2 == 0)
            {
                int[] order = [.. Enumerable.Range(0, Features)];
                random.Shuffle(order);
                steps.Add(new Permutation([.. order]));
            }
            int inputs = mask.Conditioning.Length, outputs = mask.Transformed.Length;
            var trunk = new List<DenseLayer>();
            for (int layer = 0; layer < HiddenLayers; layer++)
                trunk.Add(Layer(random, layer == 0 ? inputs : HiddenUnits, HiddenUnits));
            steps.Add(new AffineCoupling(mask, [.. trunk], Activation.Relu,
                Layer(random, HiddenUnits, outputs), Layer(random, HiddenUnits, outputs), Draw(random, outputs, 0.5, 1)));
            steps.Add(new BatchNorm(Features, mask.Transformed, Draw(random, outputs, 0.8, 1.25), Draw(random, outputs, -0.2, 0.2)));
        }
        double typical = 0.5 * Features * (1 + Math.Log(2 * Math.PI));
        var scores = Enumerable.Range(0, Calibration.MaxScores).Select(_ => (float)(typical * (0.5 + random.NextDouble())));
        return new FlowModel(FlowShape.Vector(Features), steps, new Calibration(scores, contamination: 0.05));
    }

    /// <summary>Rows around the middle of the flow's standardisation.</summary>
    public float[][] Rows(int count)
    {
        var random = new Random(Seed: 2);
        return [.. Enumerable.Range(0, count).Select(_ => Draw(random, Features, -2, 2).ToArray())];
    }

    private static DenseLayer Layer(Random random, int inputs, int outputs)
    {
        double bound = 1 / Math.Sqrt(inputs);
        return new(inputs, outputs, Draw(random, inputs * outputs, -bound, bound), Draw(random, outputs, -bound, bound));
    }

    private static ImmutableArray<float> Draw(Random random, int count, double low, double high)
        => [.. Enumerable.Range(0, count).Select(_ => (float)(low + (high - low) * random.NextDouble()))];
}
