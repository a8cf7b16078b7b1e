using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// The latents' mixture in the checkpoint of a run's end, so that the flow comes out of it as the run gave it. Whoever goes on from there
/// has the rows, and fits it anew.
/// </summary>
internal static class SavedLatents
{
    private const string Weights = "latents.weights", Means = "latents.means", Deviations = "latents.deviations", Gains = "latents.gains";

    /// <summary>Records the mixture that a flow ends in, and by how many nats it made rows more likely.</summary>
    public static void Save(Checkpoint checkpoint, Flow flow, double training, double validation)
    {
        var mixture = (LatentMixture)flow.Steps.Last().Freeze();
        checkpoint.AddFloats(Weights, mixture.Weights.AsSpan());
        checkpoint.AddFloats(Means, mixture.Means.AsSpan());
        checkpoint.AddFloats(Deviations, mixture.Deviations.AsSpan());
        checkpoint.Add(Gains, training, validation);
    }

    /// <summary>Gives a flow the mixture that a checkpoint has, where it has one; what the run came to with it.</summary>
    /// <exception cref="DamagedCheckpointException">It is none of a run.</exception>
    public static TrainingOutcome Copy(Checkpoint checkpoint, Flow flow, TrainingOutcome outcome)
    {
        if (!checkpoint.Has(Weights))
            return outcome;
        double[] gains = checkpoint.Numbers(Gains, 2);
        try
        {
            var mixture = new LatentMixture([.. checkpoint.Floats(Weights)], [.. checkpoint.Floats(Means)],
                [.. checkpoint.Floats(Deviations)]);
            flow.Append(new LatentMixtureModule(mixture));
            return outcome.With(mixture.Weights.Length, gains[0], gains[1]);
        }
        catch (FlowModelException e)
        {
            throw new DamagedCheckpointException($"'{Weights}' is not what this version writes ({e.Message})");
        }
    }
}
