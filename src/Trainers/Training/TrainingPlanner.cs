namespace RealNvp.ML.Trainers.Training;

/// <summary>Chooses what the options leave open from the number of rows and features.</summary>
internal static class TrainingPlanner
{
    // Small tables need many passes and large ones few: steps, not epochs, are what a flow needs.
    private const long LeastSteps = 1500, MostSteps = 10_000, AutomaticEpochs = 30;

    public static TrainingPlan Plan(RealNvpTrainer.Options options, int rows, int features)
    {
        int batch = Math.Min(rows, options.BatchSize > 0 ? options.BatchSize : rows < 5_000 ? 128 : rows < 50_000 ? 256 : 512);
        long stepsPerEpoch = Math.Max(1, rows / batch);
        long steps = options.Epochs > 0 ? options.Epochs * stepsPerEpoch : Math.Clamp(AutomaticEpochs * stepsPerEpoch, LeastSteps, MostSteps);
        double clip = options.GradientClip == 0 ? 5 * Math.Sqrt(features) : Math.Max(0, options.GradientClip);
        return new TrainingPlan(batch, steps, options.LearningRate, options.WeightDecay, clip, options.Trim,
            EvaluationInterval: (int)Math.Max(Math.Clamp(steps / 20, 1, 50), steps / 40), options.Patience);
    }
}
