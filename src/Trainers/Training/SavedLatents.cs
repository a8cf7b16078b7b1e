using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Checkpoints;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// The latents' mixture in the checkpoint of a run's end, so that the flow comes out of it as the run gave it. Whoever goes on from there
/// has the rows, and fits it anew.
/// </summary>
internal static class SavedLatents
{
    private const string Weights = "latents.weights", Means = "latents.means", Deviations = "latents.deviations", Gains = "latents.gains";

    /// <summary>Records the mixture that was fitted, and by how many nats it made rows more likely.</summary>
    public static void Save(Checkpoint checkpoint, LatentMixture mixture, double training, double validation)
    {
        checkpoint.AddFloats(Weights, mixture.Weights.AsSpan());
        checkpoint.AddFloats(Means, mixture.Means.AsSpan());
        checkpoint.AddFloats(Deviations, mixture.Deviations.AsSpan());
        checkpoint.Add(Gains, training, validation);
    }

    /// <summary>What was recorded; null where nothing was.</summary>
    /// <exception cref="DamagedCheckpointException">It is none of a run.</exception>
    public static (LatentMixture Mixture, double TrainingGain, double ValidationGain)? Load(Checkpoint checkpoint)
    {
        if (!checkpoint.Has(Weights))
            return null;
        double[] gains = checkpoint.Numbers(Gains, 2);
        try
        {
            return (new([.. checkpoint.Floats(Weights)], [.. checkpoint.Floats(Means)], [.. checkpoint.Floats(Deviations)]), gains[0],
                gains[1]);
        }
        catch (FlowModelException e)
        {
            throw new DamagedCheckpointException($"'{Weights}' is not what this version writes ({e.Message})");
        }
    }
}
