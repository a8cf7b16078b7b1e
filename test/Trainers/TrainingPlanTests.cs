using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What is chosen by the number of rows: thirty epochs, but no fewer than 2,000 steps and no more than 10,000.</summary>
public sealed class TrainingPlanTests
{
    [Theory]
    [InlineData(16, 16, 500)] // twenty rows, of which two each validate and calibrate
    [InlineData(200, 128, 500)]
    [InlineData(500, 128, 1250)]
    [InlineData(800, 128, 2000)]
    [InlineData(1_000, 128, 2000)]
    [InlineData(4_999, 128, 2000)]
    [InlineData(10_000, 256, 2000)]
    [InlineData(40_000, 256, 30 * 156)]
    [InlineData(100_000, 512, 30 * 195)]
    [InlineData(200_000, 512, 10_000)]
    [InlineData(20_000_000, 512, 10_000)]
    public void Batches_and_steps_follow_from_the_rows_of_a_table(long rows, int batch, long steps)
    {
        TrainingPlan plan = Plan(new RealNvpTrainer.Options(), rows, FlowShape.Vector(5));
        Assert.Equal((batch, steps), (plan.BatchSize, plan.Steps));
        Assert.Equal((3e-3, 5 * Math.Sqrt(5)), (plan.LearningRate, plan.GradientClip));
    }

    [Fact]
    public void Whatever_the_rows_steps_and_evaluations_are_bounded()
    {
        for (long rows = 2; rows < 100_000_000; rows = rows * 5 / 4 + 1)
        {
            TrainingPlan plan = Plan(new RealNvpTrainer.Options(), rows, FlowShape.Vector(5));
            Assert.InRange(plan.BatchSize, Math.Min(rows, 128), Math.Min(rows, 512));
            Assert.InRange(plan.Steps, Math.Clamp(rows * 5 / 2, 500, 2000), 10_000);
            Assert.InRange(plan.Steps / plan.EvaluationInterval, 20, 41);
        }
    }

    [Theory]
    [InlineData(2, 14, 14, 2 * 7)] // seven whole batches
    [InlineData(3, 1000, 100, 3)] // one batch of all rows
    [InlineData(null, 50, 50, 500)]
    public void What_the_options_say_goes_before(int? epochs, int batch, int foundBatch, long steps)
    {
        const long rows = 100;
        TrainingPlan plan = Plan(new RealNvpTrainer.Options { Epochs = epochs, BatchSize = batch }, rows, FlowShape.Vector(5));
        Assert.Equal((foundBatch, steps), (plan.BatchSize, plan.Steps));
        Assert.Equal(77, Plan(new RealNvpTrainer.Options { Epochs = 5, Steps = 77 }, rows, FlowShape.Vector(5)).Steps);
    }

    /// <summary>Copies are learned by heart like the rows that they are of.</summary>
    [Fact]
    public void Copies_of_rows_are_worth_no_steps()
    {
        var options = new RealNvpTrainer.Options();
        Assert.Equal(1000, options.Plan(options.Design(FlowShape.Vector(5)), rows: 1_300, different: 400).Steps);
        Assert.Equal(2000, options.Plan(options.Design(FlowShape.Vector(5)), rows: 3_000, different: 2_000).Steps);
        Assert.Equal(30 * 156, options.Plan(options.Design(FlowShape.Vector(5)), rows: 40_000, different: 40).Steps);

        var random = new Random(1);
        float[] measured = [.. Enumerable.Range(0, 300).Select(_ => random.NextSingle())], counted = [.. measured.Select(value
            => MathF.Floor(value * 30))];
        WeightedRows Twice(float[] values) => new([.. values, .. values], [.. Enumerable.Repeat(1f, 200)], 3);
        Assert.Equal(100, new CopiedRows(Twice(measured)).Different);
        Assert.Equal(200, new CopiedRows(Twice(counted)).Different); // whole numbers repeat by nature
    }

    [Theory, InlineData(28, 16, 3e-3), InlineData(32, 64, 1e-3)]
    public void Small_images_get_smaller_batches_and_a_higher_rate(int side, int batch, double rate)
    {
        TrainingPlan plan = Plan(new RealNvpTrainer.Options(), 50_000, FlowShape.Image(3, side, side));
        Assert.Equal((batch, 10_000L, rate, 100, 5e-5),
            (plan.BatchSize, plan.Steps, plan.LearningRate, plan.GradientClip, plan.GainPenalty));
    }

    private static TrainingPlan Plan(RealNvpTrainer.Options options, long rows, FlowShape shape)
        => options.Plan(options.Design(shape), rows, rows);
}
