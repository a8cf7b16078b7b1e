using System.Globalization;
using System.Security.Cryptography;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Checkpoints;

/// <summary>What must be the same where a run goes on: the options that shape it, and its rows. One line each, so that an error can name the one that differs.</summary>
internal sealed class RunIdentity
{
    private RunIdentity(string text) => Text = text;

    /// <summary>The lines, as a checkpoint keeps them.</summary>
    public string Text { get; }

    /// <summary>The identity of a run.</summary>
    public static RunIdentity Of(RealNvpTrainer.Options options, TrainingPlan plan, TrainingData data, FlowShape shape, int seed)
    {
        var facts = new (string Name, object? Value)[]
        {
            ("shape", shape), ("rows", data.TrainingCount), ("rows hold", Digest(data)), ("streamed", data.IsStreamed), ("seed", seed), ("plan", plan), ("image", options.Image),
            (nameof(options.Members), options.Members), (nameof(options.Mixing), options.Mixing), (nameof(options.SinhArcsinh), options.SinhArcsinh), (nameof(options.Couplings), options.Couplings),
            (nameof(options.HiddenLayers), options.HiddenLayers), (nameof(options.HiddenUnits), options.HiddenUnits), (nameof(options.Activation), options.Activation),
            (nameof(options.LogScaleGain), options.LogScaleGain), (nameof(options.BatchNorm), options.BatchNorm), (nameof(options.WeightNorm), options.WeightNorm),
            (nameof(options.TailBound), options.TailBound), (nameof(options.LatentTailBound), options.LatentTailBound), (nameof(options.Noise), options.Noise), (nameof(options.Precision), options.Precision),
            (nameof(options.ShufflePool), data.IsStreamed ? options.ShufflePool : 0),
        };
        return new(string.Join('\n', facts.Select(fact => string.Create(CultureInfo.InvariantCulture, $"{fact.Name}: {fact.Value}"))));
    }

    /// <summary>Requires that a checkpoint is of this run.</summary>
    /// <exception cref="InvalidOperationException">It is of another.</exception>
    public void Require(string found)
    {
        foreach ((string expected, string line) in Text.Split('\n').Zip(found.Split('\n')))
        {
            if (expected != line)
                throw new InvalidOperationException($"The checkpoint is of another run. It has '{line}', this one '{expected}'. Resume with the options and rows of the run that wrote it, or choose another folder.");
        }
    }

    /// <summary>A short hash of the sampled rows.</summary>
    private static string Digest(TrainingData data)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = data.Sample.Rows.cpu().contiguous();
        return Convert.ToHexString(SHA256.HashData(rows.bytes))[..16];
    }
}
