using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Steps;
using TorchSharp;

namespace RealNvp.ML.Trainers;

/// <summary>Assembles the flow of a table: standardisation, tails, then couplings over alternating halves.</summary>
internal static class VectorFlow
{
    /// <summary>
    /// A fresh flow, the identity behind its preprocessing. Couplings come in pairs over the two halves of one random order, so that each pair transforms
    /// every feature. One feature has no second half to condition on: the flow then is its standardisation, a Gaussian.
    /// </summary>
    /// <param name="mean">Of each feature.</param>
    /// <param name="standardDeviation">Of each feature.</param>
    /// <param name="options">Size and kind of the couplings.</param>
    /// <param name="seed">Of the initial weights and the permutations.</param>
    /// <param name="noise">Draws what training draws; must outlive it.</param>
    public static Flow Build(float[] mean, float[] standardDeviation, RealNvpTrainer.Options options, int seed, torch.Generator noise)
    {
        int features = mean.Length;
        List<FlowStepModule> preprocessing = [new Steps.Standardization(mean, standardDeviation)];
        if (options.TailBound > 0)
            preprocessing.Add(new Steps.TailCompression(options.TailBound));

        var learned = new List<FlowStepModule>();
        var net = new ConditionerOptions(options.HiddenLayers, options.HiddenUnits, options.Activation, options.Dropout, options.LogScaleGain);
        using var weights = new torch.Generator((ulong)(uint)seed, torch.CPU);
        var orders = new Random(seed);
        for (int i = 0; i < options.Couplings && features > 1; i++)
        {
            if (i % 2 == 0 && features > 2)
            {
                int[] order = [.. Enumerable.Range(0, features)];
                orders.Shuffle(order);
                learned.Add(new Steps.Permutation(order));
            }
            CouplingMask mask = Halves(features);
            if (i % 2 == 1)
                mask = mask.Complement();
            learned.Add(new Steps.AffineCoupling(mask, net, weights, noise));
            if (options.BatchNorm)
                learned.Add(new Steps.BatchNorm(mask));
        }
        return new Flow(preprocessing, learned);
    }

    /// <summary>The first half conditions, the second is transformed; with an odd number the first is the larger.</summary>
    private static CouplingMask Halves(int features)
    {
        int half = (features + 1) / 2;
        return new CouplingMask([.. Enumerable.Range(0, half)], [.. Enumerable.Range(half, features - half)]);
    }
}
