using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Learning rates against their closed forms.</summary>
public sealed class LearningRateScheduleTests
{
    private const double Peak = 0.01;

    [Theory, InlineData(LearningRateDecay.Cosine), InlineData(LearningRateDecay.Plateau), InlineData(LearningRateDecay.None)]
    public void The_warm_up_is_a_line_to_the_peak_over_a_twentieth_of_the_steps(LearningRateDecay decay)
    {
        var schedule = new LearningRateSchedule(Peak, 1000, decay);
        for (int step = 0; step < 50; step++)
            Assert.Equal(Peak * (step + 1) / 50, schedule.At(step), 1e-15);
        Assert.Equal(Peak, schedule.At(50), 1e-15);
        Assert.Equal(Peak, new LearningRateSchedule(Peak, 10, decay).At(0), 1e-15); // too short to warm up
    }

    [Theory, InlineData(0, 0), InlineData(0.2, 200), InlineData(1, 1000)]
    public void A_warm_up_is_as_long_as_it_is_asked_for(double share, int steps)
    {
        var schedule = new LearningRateSchedule(Peak, 1000, LearningRateDecay.None, share);
        for (int step = 0; step < 1000; step++)
            Assert.Equal(step < steps ? Peak * (step + 1) / steps : Peak, schedule.At(step), 1e-15);
        // in a run of other steps it is of another length
        Assert.Equal(share == 0 ? Peak : Peak * 3 / (2 * steps), schedule.Of(2000, 2), 1e-15);
    }

    [Fact]
    public void A_cosine_falls_from_the_peak_to_zero()
    {
        var schedule = new LearningRateSchedule(Peak, 1000, LearningRateDecay.Cosine);
        foreach ((long step, double share) in new[] { (50L, 1.0), (50 + 950 / 3, double.NaN), (525, 0.5), (1000, 0) })
        {
            // (1 + cos x) / 2 = cos^2(x / 2)
            double expected = double.IsNaN(share) ? Math.Pow(Math.Cos(Math.PI * (step - 50) / 950 / 2), 2) : share;
            Assert.Equal(Peak * expected, schedule.At(step), 1e-15);
        }
    }

    [Fact]
    public void A_plateau_halves_the_rate_after_every_five_evaluations_without_a_better_one()
    {
        var schedule = new LearningRateSchedule(Peak, 1000, LearningRateDecay.Plateau);
        var found = new List<double>();
        foreach (char evaluation in "-----" + "----+" + "----" + "-" + "-----") // + is better
        {
            schedule.Evaluated(evaluation == '+');
            found.Add(Peak / schedule.At(500));
        }
        Assert.Equal([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8], found.Select(value => Math.Round(value, 9)));
    }

    [Theory, InlineData(LearningRateDecay.Cosine), InlineData(LearningRateDecay.None)]
    public void Other_schedules_do_not_hear_of_evaluations(LearningRateDecay decay)
    {
        var schedule = new LearningRateSchedule(Peak, 1000, decay);
        double before = schedule.At(300);
        for (int i = 0; i < 20; i++)
            schedule.Evaluated(better: false);
        Assert.Equal(before, schedule.At(300));
        if (decay == LearningRateDecay.None)
            Assert.Equal(Peak, schedule.At(999));
    }

    [Fact]
    public void A_factor_is_on_every_rate_to_come()
    {
        var schedule = new LearningRateSchedule(Peak, 1000, LearningRateDecay.Cosine);
        double[] before = [schedule.At(10), schedule.At(400)];
        schedule.Multiply(0.25);
        schedule.Multiply(0.25);
        Assert.Equal(before[0] / 16, schedule.At(10), 1e-15);
        Assert.Equal(before[1] / 16, schedule.At(400), 1e-15);
    }
}
