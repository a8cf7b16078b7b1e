using RealNvp.ML.Trainers.Checkpoints;

namespace RealNvp.ML.Trainers.Training;

/// <summary>What a training run came to. Log-likelihoods are means in nats, in the units of the feature column.</summary>
internal sealed record TrainingOutcome(long Steps, double TrainingLogLikelihood, double ValidationLogLikelihood, int Rollbacks,
    bool StoppedEarly)
{
    private const string Name = "outcome";

    /// <summary>Records it.</summary>
    public void Save(Checkpoint checkpoint)
        => checkpoint.Add(Name, Steps, TrainingLogLikelihood, ValidationLogLikelihood, Rollbacks, StoppedEarly ? 1 : 0);

    /// <summary>What a checkpoint has recorded.</summary>
    /// <exception cref="DamagedCheckpointException">Nothing, or what no run writes.</exception>
    public static TrainingOutcome Load(Checkpoint checkpoint)
    {
        double[] numbers = checkpoint.Numbers(Name, 5);
        Checkpoint.Require(numbers[0] >= 0, "outcome: steps", numbers[0]);
        return new((long)numbers[0], numbers[1], numbers[2], (int)numbers[3], numbers[4] != 0);
    }
}
