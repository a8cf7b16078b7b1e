namespace RealNvp.ML.Trainers.Training;

/// <summary>The learning rate of each step: a linear warm-up, then a half cosine to zero at the last step.</summary>
internal sealed class LearningRateSchedule(double peak, long steps)
{
    private readonly long _warmup = Math.Max(1, steps / 20);

    public double At(long step)
    {
        if (step < _warmup)
            return peak * (step + 1) / _warmup;
        double progress = (double)(step - _warmup) / Math.Max(1, steps - _warmup);
        return peak * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
