using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Steps;
using TorchSharp;

namespace RealNvp.ML.Trainers;

/// <summary>Assembles the flow of a table: standardisation, tails, then couplings over alternating halves.</summary>
internal static class VectorFlow
{
    /// <summary>
    /// A fresh flow, the identity behind its preprocessing. Couplings come in pairs over the two halves of one random order, so that each pair transforms
    /// every feature; rotations and learned linear maps stand before every coupling. One feature has no second half to condition on: the flow then
    /// is its standardisation, a Gaussian.
    /// </summary>
    /// <param name="columns">What is known of the columns.</param>
    /// <param name="options">Size and kind of the couplings.</param>
    /// <param name="dropout">The share of hidden values that training drops.</param>
    /// <param name="seed">Of the initial weights, permutations and rotations.</param>
    /// <param name="noise">Draws what training draws; must outlive it.</param>
    public static Flow Build(ColumnFacts columns, RealNvpTrainer.Options options, double dropout, int seed, DeviceRandom noise)
    {
        int features = columns.Mean.Length;
        var steps = new List<FlowStepModule>();
        if (columns.BinWidths.Any(width => width > 0))
            steps.Add(new Steps.Dequantization(columns.BinWidths));
        steps.Add(new Steps.Standardization(columns.Mean, columns.StandardDeviation));
        if (options.TailBound > 0)
            steps.Add(new Steps.TailCompression(options.TailBound));

        var net = new ConditionerOptions(options.HiddenLayers, options.HiddenUnits, options.Activation, dropout, options.LogScaleGain)
        {
            WeightNorm = options.WeightNorm,
            BFloat16 = options.Precision == TrainingPrecision.BFloat16,
        };
        using var weights = new torch.Generator((ulong)(uint)seed, torch.CPU);
        var orders = new Random(seed);
        for (int i = 0; i < options.Couplings && features > 1; i++)
        {
            if (options.SinhArcsinh)
                steps.Add(new Steps.SinhArcsinh(features));
            if (Mixer(options.Mixing, i) is { } mixer)
                steps.Add(mixer);
            CouplingMask mask = Halves(features);
            if (i % 2 == 1)
                mask = mask.Complement();
            steps.Add(new Steps.AffineCoupling(mask, net, weights, noise));
            if (options.BatchNorm)
                steps.Add(new Steps.BatchNorm(mask));
        }
        if (options.LatentTailBound > 0 && features > 1)
            steps.Add(new Steps.TailCompression(options.LatentTailBound));
        return new Flow(steps);

        FlowStepModule? Mixer(FeatureMixing mixing, int coupling)
        {
            switch (mixing)
            {
                case FeatureMixing.Rotation:
                    return new Steps.Rotation(features, weights);
                case FeatureMixing.Linear:
                    return new Steps.InvertibleLinear(features);
                default:
                    if (coupling % 2 == 1 || features == 2)
                        return null;
                    int[] order = [.. Enumerable.Range(0, features)];
                    orders.Shuffle(order);
                    return new Steps.Permutation(order);
            }
        }
    }

    /// <summary>The first half conditions, the second is transformed; with an odd number the first is the larger.</summary>
    private static CouplingMask Halves(int features)
    {
        int half = (features + 1) / 2;
        return new CouplingMask([.. Enumerable.Range(0, half)], [.. Enumerable.Range(half, features - half)]);
    }
}
