using RealNvp.ML.Trainers.Checkpoints;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// The learning rate of each step: a linear warm-up over a share of the steps, a twentieth where none is said, then the decay; lowered
/// further where the loss explodes.
/// </summary>
internal sealed class LearningRateSchedule(double peak, long steps, LearningRateDecay decay, double? warmUp = null)
{
    /// <summary>Evaluations without a better one after which a plateau halves the rate.</summary>
    private const int PlateauPatience = 5;

    private readonly long _warmup = warmUp is { } share ? (long)(share * steps) : Math.Max(1, steps / 20);
    private double _factor = 1;
    private int _sinceBetter;

    /// <summary>The rate of a step, counted from 0.</summary>
    public double At(long step)
    {
        if (step < _warmup)
            return _factor * peak * (step + 1) / _warmup;
        double progress = (double)(step - _warmup) / Math.Max(1, steps - _warmup);
        return _factor * peak * (decay == LearningRateDecay.Cosine ? 0.5 * (1 + Math.Cos(Math.PI * progress)) : 1);
    }

    /// <summary>The rate of a step in a run of other steps that has come as far.</summary>
    public double Of(long others, long step) => new LearningRateSchedule(peak, others, decay, warmUp) { _factor = _factor }.At(step);

    /// <summary>Multiplies all rates to come.</summary>
    public void Multiply(double factor) => _factor *= factor;

    /// <summary>Takes note of an evaluation.</summary>
    public void Evaluated(bool better)
    {
        _sinceBetter = better ? 0 : _sinceBetter + 1;
        if (decay != LearningRateDecay.Plateau || _sinceBetter < PlateauPatience)
            return;
        _factor /= 2;
        _sinceBetter = 0;
    }

    /// <summary>Records where the schedule is.</summary>
    public void Save(Checkpoint checkpoint) => checkpoint.Add("schedule", _factor, _sinceBetter);

    /// <summary>Puts it back.</summary>
    public void Load(Checkpoint checkpoint)
    {
        double[] state = checkpoint.Numbers("schedule", 2);
        Checkpoint.Require(state[0] is >= 0 and <= 1, "schedule: factor", state[0]);
        Checkpoint.Require(state[1] is >= 0 and <= int.MaxValue, "schedule: evaluations since the better", state[1]);
        (_factor, _sinceBetter) = (state[0], (int)state[1]);
    }
}
