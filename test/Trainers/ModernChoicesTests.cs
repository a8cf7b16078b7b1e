using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Flows.Steps.Maps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What AsModern chooses, and what its options make of a flow.</summary>
public sealed class ModernChoicesTests
{
    private static readonly FlowShape s_shape = FlowShape.Image(1, 8, 8);

    [Fact]
    public void The_flow_has_shaped_noise_and_linear_maps_and_options_are_as_they_were()
    {
        var own = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small with { Levels = 17 });
        own.Optimizer = new() { WeightDecay = 0.1 };
        RealNvpTrainer.Options modern = own.AsModern();
        Assert.Equal((17, 32, 2), (modern.Image!.Levels, modern.Image.BaseWidth, modern.Image.Scales));
        Assert.Equal(0.1, modern.Optimizer.WeightDecay);
        Assert.True(modern.Optimizer.AveragedWeights > 0);
        Assert.Equal(ImageFlowOptions.Small with { Levels = 17 }, own.Image);
        Assert.Equal(0, own.Optimizer.AveragedWeights);
        Assert.NotNull(new RealNvpTrainer.Options().AsModern().Image); // where the column's shape chooses
    }

    [Theory]
    [InlineData(null, 10)]
    [InlineData(1, 4)]
    [InlineData(5, 16)]
    public void Each_kind_of_coupling_is_there_as_often_as_is_said(int? couplings, int expected)
    {
        using DisposeScope scope = NewDisposeScope();
        Flow flow = Fresh(new() { Scales = 2, BaseWidth = 2, Blocks = 1, Couplings = couplings });
        Assert.Equal(expected, flow.Steps.OfType<ImageCouplingModule>().Count());
        Assert.Equal(couplings ?? 3, flow.Steps.OfType<ChannelCouplingModule>().Count());
        Assert.Empty(flow.Steps.OfType<ChannelLinearModule>());
        Assert.IsType<LogitModule>(flow.Steps.First());
    }

    [Fact]
    public void Linear_maps_stand_before_couplings_over_channels_and_shaped_noise_before_all()
    {
        using DisposeScope scope = NewDisposeScope();
        Flow flow = Fresh(new() { Scales = 2, BaseWidth = 2, Blocks = 1, ChannelMixing = true, DequantizationMaps = 5 });
        Type[] kinds = [.. flow.Steps.Select(step => step.GetType())];
        Assert.Equal([typeof(LearnedDequantizationModule), typeof(LogitModule)], kinds[..2]);
        Assert.Equal(3, kinds.Zip(kinds[1..]).Count(pair => pair == (typeof(ChannelLinearModule), typeof(ChannelCouplingModule))));
        Assert.Equal(3, kinds.Count(kind => kind == typeof(ChannelLinearModule)));
    }

    [Theory]
    [InlineData(0.25)]
    [InlineData(-1.5)]
    public void How_much_of_the_bounds_of_log_scales_is_used_is_their_tanh(double logits)
    {
        using DisposeScope scope = NewDisposeScope();
        var coupling = new AffineCouplingModule(new CouplingMask([0, 3], [1, 2]), new ConditionerOptions(1, 4, Activation.Relu, 0, 2),
            new Generator(1));
        var table = new Flow([coupling]);
        Flow image = Fresh(new() { Scales = 2, BaseWidth = 2, Blocks = 1 });
        Assert.Equal(0, table.LogScaleUse(ones(200, 4))); // the heads start at 0
        foreach ((string name, TorchSharp.Modules.Parameter bias) in table.named_parameters().Concat(image.named_parameters()))
        {
            if (name.EndsWith("heads.bias", StringComparison.Ordinal) || name.EndsWith("output.bias", StringComparison.Ordinal))
                {
                using IDisposable guard = no_grad();
                bias.fill_(logits);
            }
        }
        image.eval();
        Assert.Equal(Math.Tanh(Math.Abs(logits)), table.LogScaleUse(ones(200, 4)), 1e-5);
        Assert.Equal(Math.Tanh(Math.Abs(logits)), image.LogScaleUse(ones(3, 64)), 1e-5);
        Assert.True(double.IsNaN(new Flow([new RotationModule(4, new Generator(1))]).LogScaleUse(ones(3, 4))));
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        void Refused(string expected, ImageFlowOptions image) => Assert.Contains(expected,
            Assert.ThrowsAny<ArgumentException>(() => RealNvpTrainer.Options.ForImages(image).Checked()).Message,
            StringComparison.Ordinal);
        Refused("Couplings", new() { Couplings = 0 });
        Refused("DequantizationMaps", new() { DequantizationMaps = -1 });
    }

    private static Flow Fresh(ImageFlowOptions options)
    {
        FlowDesign design = options.For(s_shape);
        float[] ones = [.. Enumerable.Repeat(1f, s_shape.Size)];
        return design.Build(new ColumnFacts(ones, ones, ones, ones), dropout: 0, seed: 1, new DeviceRandom(1, CPU));
    }
}
