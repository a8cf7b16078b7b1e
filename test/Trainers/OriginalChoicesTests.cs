using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// What AsOriginal chooses, beside what the original code computes for it: its convolutions draw weights within +-sqrt(2 / inputs) and
/// start learned norms at that times sqrt(inputs k k / 12).
/// </summary>
public sealed class OriginalChoicesTests
{
    private const int Width = 24;

    [Fact]
    public void Convolutions_start_as_in_the_original()
    {
        using DisposeScope scope = NewDisposeScope();
        Flow flow = Fresh(new() { Scales = 2, BaseWidth = Width, Blocks = 2 });
        int gains = 0;
        foreach (WeightNorm norm in flow.modules().OfType<WeightNorm>())
        {
            Dictionary<string, Tensor> parameters = norm.named_parameters().ToDictionary(pair => pair.name, pair => (Tensor)pair.parameter);
            Tensor direction = parameters["direction"];
            double inputs = direction.shape[1], kernel = direction.shape[2], bound = Math.Sqrt(2 / inputs);
            Assert.InRange(direction.abs().max().item<float>(), 0.8 * bound, 1.00001 * bound);
            // a uniform value has the variance bound^2 / 3
            long count = direction.numel();
            Assert.Equal(1, direction.square().mean().item<float>() * 3 / bound / bound, 4 / Math.Sqrt(count));
            if (!parameters.TryGetValue("gain", out Tensor? gain))
                continue;
            gains++;
            double expected = bound * Math.Sqrt(inputs * kernel * kernel / 12);
            Assert.Equal(kernel == 3 ? 1.2247 : 0.4082, expected, 1e-4);
            Assert.Equal(expected, gain.min().item<float>(), 1e-6);
            Assert.Equal(expected, gain.max().item<float>(), 1e-6);
        }
        // of each of ten couplings the second 3x3 and the skip of two blocks, the first skip, and the output
        Assert.Equal(10 * (2 * 2 + 1 + 1), gains);
    }

    [Fact]
    public void The_penalty_is_on_gains_of_checkerboards_and_of_weights()
    {
        using DisposeScope scope = NewDisposeScope();
        Flow original = Fresh(new() { Scales = 2, BaseWidth = 4, Blocks = 1 }),
            own = Fresh(new() { Scales = 2, BaseWidth = 4, Blocks = 1 }, original: false);
        Assert.Equal((7, 0), LogScales(original));
        Assert.Equal((7, 3), LogScales(own));
        // and all are held within bounds
        Assert.Equal(10, original.Steps.Sum(step => step.BoundedGains.Count()));

        static (int Checkerboard, int Channel) LogScales(Flow flow) => (Count<CheckerboardCouplingModule>(flow),
            Count<ChannelCouplingModule>(flow));
        static int Count<TStep>(Flow flow) where TStep : FlowStepModule => flow.Steps.OfType<TStep>().Sum(step
            => step.PenalisedGains.Count() - step.modules().OfType<WeightNorm>().Sum(norm => norm.Gains.Count()));
    }

    [Fact]
    public void The_training_is_that_of_the_original_and_options_are_as_they_were()
    {
        var own = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small);
        own.Optimizer = new() { AveragedWeights = 0.9, WeightDecay = 0.1 };
        RealNvpTrainer.Options options = own.AsOriginal();
        FlowShape shape = FlowShape.Image(1, 28, 28);
        TrainingPlan plan = options.Checked().Plan(options.Design(shape), 1000, 1000);
        Assert.Equal((64, 0.0, 1e-3, LearningRateDecay.None, 0.0, 5e-5, 0.0, 100.0, 0),
            (plan.BatchSize, plan.Dropout, plan.LearningRate, plan.Decay, plan.WeightDecay, plan.GainPenalty, plan.AveragedWeights,
                plan.GradientClip, plan.Patience));
        var schedule = new LearningRateSchedule(plan.LearningRate, plan.Steps, plan.Decay, plan.WarmUp);
        Assert.All([0, 1, plan.Steps / 2, plan.Steps - 1], step => Assert.Equal(1e-3, schedule.At(step)));
        Assert.Equal(ImageFlowOptions.Small.AsOriginal(), options.Image);

        TrainingPlan before = own.Plan(own.Design(shape), 1000, 1000);
        Assert.Equal((16, 0.2, 3e-3, LearningRateDecay.Cosine, 0.9), (before.BatchSize, before.Dropout, before.LearningRate, before.Decay,
            before.AveragedWeights));
        Assert.Equal(ImageFlowOptions.Small, own.Image);
        Assert.Null(before.WarmUp); // a checkpoint of before there was a choice is of the same run
    }

    private static Flow Fresh(ImageFlowOptions options, bool original = true)
    {
        FlowShape shape = FlowShape.Image(1, 8, 8);
        FlowDesign design = (original ? options.AsOriginal() : options).For(shape);
        float[] ones = [.. Enumerable.Repeat(1f, shape.Size)];
        return design.Build(new ColumnFacts(ones, ones, ones, ones), dropout: 0, seed: 1, new DeviceRandom(1, CPU));
    }
}
