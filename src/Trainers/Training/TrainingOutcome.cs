using RealNvp.ML.Trainers.Checkpoints;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// What a training run came to. Log-likelihoods are means in nats, in the units of the feature column. <paramref name="Kept"/> is the step
/// of the model that remains: 0 is the flow from before the first.
/// </summary>
internal sealed record TrainingOutcome(long Steps, double TrainingLogLikelihood, double ValidationLogLikelihood, int Rollbacks,
    bool StoppedEarly, long Kept)
{
    private const string Name = "outcome", KeptName = "outcome_kept", UseName = "outcome_use";

    /// <summary>Gaussians in the latent's mixture; a checkpoint has it beside the outcome, which tells of the flow before it.</summary>
    public int Components { get; init; }

    /// <summary>How much of the bounds of log-scales the flow uses, see <see cref="Flows.Flow.LogScaleUse"/>.</summary>
    public double LogScaleUse { get; init; } = double.NaN;

    /// <summary>That with a mixture of latents, which makes rows more likely by so many nats.</summary>
    public TrainingOutcome With(int components, double training, double validation) => this with
    {
        TrainingLogLikelihood = TrainingLogLikelihood + training,
        ValidationLogLikelihood = ValidationLogLikelihood + validation,
        Components = components,
    };

    /// <summary>Records it.</summary>
    public void Save(Checkpoint checkpoint)
    {
        checkpoint.Add(Name, Steps, TrainingLogLikelihood, ValidationLogLikelihood, Rollbacks, StoppedEarly ? 1 : 0);
        checkpoint.Add(KeptName, Kept);
    }

    /// <summary>Records what is known once the flow is complete.</summary>
    public void SaveUse(Checkpoint checkpoint) => checkpoint.Add(UseName, LogScaleUse);

    /// <summary>What a checkpoint has recorded.</summary>
    /// <exception cref="DamagedCheckpointException">Nothing, or what no run writes.</exception>
    public static TrainingOutcome Load(Checkpoint checkpoint)
    {
        double[] numbers = checkpoint.Numbers(Name, 5);
        Checkpoint.Require(numbers[0] >= 0, "outcome: steps", numbers[0]);
        long steps = (long)numbers[0];
        return new(steps, numbers[1], numbers[2], (int)numbers[3], numbers[4] != 0,
            checkpoint.Has(KeptName) ? checkpoint.Integer(KeptName, 0, steps) : steps) // older ones do not tell
        {
            LogScaleUse = checkpoint.Has(UseName) ? checkpoint.Numbers(UseName, 1)[0] : double.NaN,
        };
    }
}
