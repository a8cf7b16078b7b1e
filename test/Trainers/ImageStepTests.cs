using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Flows.Steps.Maps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The checks of <see cref="StepTests"/> for the steps of image flows, over 4x4x1 and 4x4x3, or these squeezed.</summary>
public sealed class ImageStepTests
{
    private const int Rows = 3;

    private static readonly ImageCouplingOptions s_net = new() { Width = 5, Blocks = 2 };

    /// <summary>The choices of the original code.</summary>
    private static readonly ImageCouplingOptions s_original = new()
    {
        Width = 5,
        Blocks = 1,
        IdentityStart = false,
        GainPerChannel = false,
        ShiftFirst = true,
        MaskedZerosInStatistics = true,
    };

    private static readonly FlowShape s_grey = FlowShape.Image(1, 4, 4), s_colour = FlowShape.Image(3, 4, 4),
        s_squeezed = FlowShape.Image(4, 2, 2), s_odd = FlowShape.Image(3, 3, 5);

    /// <summary>One of each step, and of each form that is computed differently.</summary>
    private static readonly Dictionary<string, (FlowShape Shape, Func<FlowStepModule> Create)> s_steps = new()
    {
        ["Logit, 8 bits"] = (s_colour, () => new LogitModule(256, 1)),
        ["Logit, 17 levels"] = (s_grey, () => new LogitModule(17, 1)),
        ["Logit, from 0 to 1"] = (s_grey, () => new LogitModule(256, 1 / 255f)),
        ["LearnedDequantization, 8 bits"] = (s_colour, () => new LearnedDequantizationModule(256, 1, 3, s_net, new Generator(1))),
        ["LearnedDequantization, 17 levels"] = (s_odd, () => new LearnedDequantizationModule(17, 1, 3, s_net, new Generator(1))),
        ["LearnedDequantization, from 0 to 1"]
            = (s_grey, () => new LearnedDequantizationModule(17, 1 / 16f, 1, s_net with { Blocks = 1 }, new Generator(1))),
        ["Squeeze, plain, grey"] = (s_grey, () => new SqueezeModule(SqueezeOrder.Plain, 1)),
        ["Squeeze, plain, colour"] = (s_colour, () => new SqueezeModule(SqueezeOrder.Plain, 3)),
        ["Squeeze, ordered, grey"] = (s_grey, () => new SqueezeModule(SqueezeOrder.Ordered, 1)),
        ["Squeeze, ordered, colour"] = (s_colour, () => new SqueezeModule(SqueezeOrder.Ordered, 3)),
        ["Unsqueeze, plain"] = (FlowShape.Image(12, 2, 2), () => new UnsqueezeModule(SqueezeOrder.Plain, 3)),
        ["Unsqueeze, ordered"] = (FlowShape.Image(12, 2, 2), () => new UnsqueezeModule(SqueezeOrder.Ordered, 3)),
        ["FactorOut"] = (s_squeezed, () => new FactorOutModule()),
        ["CheckerboardCoupling, grey"] = Checkerboard(s_grey, ImageMask.EvenPixels, s_net),
        ["CheckerboardCoupling, colour"] = Checkerboard(s_colour, ImageMask.OddPixels, s_net),
        ["CheckerboardCoupling, odd sides"] = Checkerboard(s_odd, ImageMask.OddPixels, s_net),
        ["CheckerboardCoupling, original"]
            = Checkerboard(s_colour, ImageMask.EvenPixels, s_original),
        ["CheckerboardCoupling, no block"] = Checkerboard(s_grey, ImageMask.EvenPixels, s_net with { Blocks = 0 }),
        ["ChannelCoupling, first"] = Channels(s_squeezed, ImageMask.FirstChannels, s_net),
        ["ChannelCoupling, second"] = Channels(FlowShape.Image(12, 2, 2), ImageMask.SecondChannels, s_net),
        ["ChannelCoupling, original"]
            = Channels(s_squeezed, ImageMask.SecondChannels, s_original),
        ["ChannelStandardization"] = (s_colour, () => new ChannelStandardizationModule([1, -2, 3], [0.3f, 2, 1.2f])),
        ["PositionStandardization"] = (s_odd, () => new PositionStandardizationModule(s_odd, new float[45],
            [.. Enumerable.Repeat(1f, 45)])),
        ["ChannelPermutation"] = (s_squeezed, () => new ChannelPermutationModule([2, 0, 3, 1])),
        ["ChannelLinear, learned"] = (s_colour, () => new ChannelLinearModule(3)),
        ["ChannelLinear, fixed"] = (s_colour, () => new ChannelLinearModule(randn(9, generator: new Generator(4)))),
        ["ChannelLinear, rotation"] = (s_squeezed, () => ChannelLinearModule.Rotation(4, new Generator(2))),
        ["PositionedCoupling, first"] = Positioned(s_squeezed, ImageMask.FirstChannels, new(2, 5, 1, 8, 0, 1)),
        ["PositionedCoupling, second, odd, 3x3"] = Positioned(s_colour, ImageMask.SecondChannels, new(3, 4, 3, 4, 0, 1)),
        ["PositionedCoupling, first, odd, no position"] = Positioned(s_colour, ImageMask.FirstChannels, new(1, 4, 1, 0, 0, 1)),
        ["ImageBatchNorm, even pixels"] = Norm(s_grey, ImageMask.EvenPixels),
        ["ImageBatchNorm, odd pixels"] = Norm(s_colour, ImageMask.OddPixels),
        ["ImageBatchNorm, odd sides"] = Norm(s_odd, ImageMask.EvenPixels),
        ["ImageBatchNorm, zeros counted"] = Norm(s_colour, ImageMask.OddPixels, maskedZeros: true),
        ["ImageBatchNorm, first channels"] = Norm(s_squeezed, ImageMask.FirstChannels),
        ["ImageBatchNorm, second channels"] = Norm(s_squeezed, ImageMask.SecondChannels),
    };

    /// <summary>The names of the cases.</summary>
    public static TheoryData<string> Steps => [.. s_steps.Keys];

    [Fact]
    public void Convolutions_read_images_with_the_values_of_a_pixel_side_by_side()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor planes = arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).to(ScalarType.Float32);
        Tensor pixels = ResidualConditionerModule.ChannelsLast(planes);
        Assert.Equal([3 * 4 * 5, 1, 5 * 3, 3], pixels.stride());
        Assert.True(pixels.equal(planes).all().ToBoolean());
    }

    internal static IEnumerable<string> Names => s_steps.Keys;

    [Theory, MemberData(nameof(Steps))]
    public void The_inverse_undoes_the_step(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowStepModule step = Randomised(name);
        Tensor x = RandomImages(name);
        Tensor? planes = Planes(name);
        Assert.True((step.Inverse(step.forward(x, planes).Output, planes) - x).abs().max().item<double>() < 1e-9);
    }

    [Theory, MemberData(nameof(Steps))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_in_evaluation(string name) => CheckLogDet(name, Randomised(name));

    [Theory, MemberData(nameof(Steps))]
    public void The_log_determinant_is_that_of_the_numerical_Jacobian_in_training_with_the_statistics_held(string name)
    {
        FlowStepModule step = Randomised(name);
        step.train();
        if (step is ImageBatchNormModule norm)
            ImageStatistics.Hold(norm);
        CheckLogDet(name, step);
    }

    [Theory, MemberData(nameof(Steps))]
    public void The_graphs_compute_what_torch_computes(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowStepModule step = Randomised(name);
        FlowShape shape = s_steps[name].Shape;
        var model = new FlowModel(shape, [step.Freeze()]);
        Tensor x = RandomImages(name).to(ScalarType.Float32);
        float[] rows = [.. x.data<float>()];

        (Tensor z, Tensor logDet) = step.forward(x.to(ScalarType.Float64), Planes(name));
        double[] latents = [.. z.contiguous().data<double>()];
        double[] logLikelihoods
            = [.. (z.square().sum([1, 2, 3]) * -0.5 - 0.5 * shape.Size * Math.Log(2 * Math.PI) + logDet).data<double>()];

        float[][] density = Graphs.Run(model.BuildDensityGraph(), "Features", rows, shape.Size, "LogLikelihood", "Latent");
        Tolerance.LogLikelihoods(logLikelihoods, density[0], shape.Size);
        Tolerance.Values(latents, density[1]);
        float[][] sampling
            = Graphs.Run(model.BuildSamplingGraph(), "Latent", [.. latents.Select(value => (float)value)], shape.Size, "Features");
        Tolerance.Values([.. rows.Select(value => (double)value)], sampling[0]);
    }

    [Fact]
    public void Squeezes_order_the_pixels_as_the_paper_s_code_does()
    {
        using DisposeScope scope = NewDisposeScope();
        // two channels of one 2x2 square: 0 1 / 2 3 and 4 5 / 6 7
        Tensor x = arange(8, dtype: ScalarType.Float64).reshape(1, 2, 2, 2);
        double[] Squeezed(SqueezeOrder order) => [.. new SqueezeModule(order, 2).forward(x).Output.contiguous().data<double>()];
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], Squeezed(SqueezeOrder.Plain)); // c * 4 + 2 dy + dx
        Assert.Equal([0, 4, 3, 7, 1, 5, 2, 6], Squeezed(SqueezeOrder.Ordered)); // top left, bottom right, top right, bottom left
    }

    [Fact]
    public void The_ordered_squeeze_keeps_one_colour_of_the_checkerboard()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor board = tensor(ImageMask.EvenPixels.Conditioning(4, 4)).reshape(1, 1, 4, 4).expand(1, 3, 4, 4);
        Tensor squeezed = new SqueezeModule(SqueezeOrder.Ordered, 3).forward(board).Output;
        Assert.True(squeezed.narrow(1, 0, 6).eq(1).all().item<bool>());
        Assert.True(squeezed.narrow(1, 6, 6).eq(0).all().item<bool>());
    }

    [Fact]
    public void Even_pixels_are_those_of_the_first_one()
    {
        Assert.Equal([1, 0, 1, 0, 1, 0], ImageMask.EvenPixels.Conditioning(2, 3));
        Assert.Equal([0, 1, 0, 1, 0, 1], ImageMask.OddPixels.Conditioning(2, 3));
        Assert.All(Enum.GetValues<ImageMask>(), mask => Assert.Equal(mask, mask.Complement().Complement()));
    }

    [Theory]
    [InlineData("CheckerboardCoupling, colour")]
    [InlineData("ChannelCoupling, second")]
    public void Couplings_leave_the_conditioning_half_as_it_is(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor x = RandomImages(name), y = Randomised(name).forward(x).Output;
        bool checkerboard = name.StartsWith("Checkerboard", StringComparison.Ordinal);
        Tensor conditioning = checkerboard
            ? tensor(ImageMask.OddPixels.Conditioning(4, 4)).reshape(1, 1, 4, 4).expand(x.shape).eq(1)
            : (arange(12) >= 6).reshape(1, 12, 1, 1).expand(x.shape);
        Assert.True(y.eq(x)[conditioning].all().item<bool>());
        Assert.False(y.eq(x)[~conditioning].any().item<bool>());
    }

    [Theory]
    [InlineData("CheckerboardCoupling, colour")]
    [InlineData("ChannelCoupling, second")]
    public void A_fresh_coupling_is_the_identity_and_learns_from_its_first_gradient(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        FlowStepModule coupling = s_steps[name].Create();
        Tensor x = RandomImages(name).to(ScalarType.Float32);
        (Tensor y, Tensor logDet) = coupling.forward(x);
        Assert.True(y.equal(x).all().item<bool>());
        (y.square().sum() - logDet.sum()).backward();
        Assert.True(coupling.named_parameters()
            .Single(pair => pair.name == "net.output.norm.gain").parameter.grad!.abs().max().item<float>() > 0);
    }

    [Theory]
    [InlineData("CheckerboardCoupling, original", 0)]
    [InlineData("ChannelCoupling, original", 1)]
    public void The_original_starts_with_one_gain_for_all_channels(string name, float start)
    {
        Tensor gain = s_steps[name].Create().named_parameters().Single(pair => pair.name == "gain").parameter;
        Assert.Equal(1, gain.numel());
        Assert.Equal(start, gain.item<float>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Batch_norm_normalises_the_transformed_pixels_and_keeps_running_statistics(bool maskedZeros)
    {
        using DisposeScope scope = NewDisposeScope();
        // odd pixels are transformed: 1 and 3 in the first image, 8 and 0 in the second; the others must not count, whatever they are
        Tensor x = tensor(new double[] { 50, 1, 3, 60, -70, 8, 0, 80 }, [2, 1, 2, 2]);
        var norm = new ImageBatchNormModule(ImageMask.EvenPixels, 1, 2, 2, maskedZeros);
        norm.to(ScalarType.Float64);
        norm.train();
        (double mean, double variance) = maskedZeros ? (12.0 / 8, 74.0 / 8 - 1.5 * 1.5) : (3, 38.0 / 4); // 4 + 0 + 25 + 9
        (Tensor y, Tensor logDet) = norm.forward(x);
        Assert.Equal(2 * -0.5 * Math.Log(variance + 1e-4), logDet.item<double>(), 1e-12);
        Assert.Equal((8 - mean) / Math.Sqrt(variance + 1e-4), y[1, 0, 0, 1].item<double>(), 1e-12);
        Assert.Equal(60, y[0, 0, 1, 1].item<double>());
        norm.eval();
        double Normalised() => norm.forward(x).Output[1, 0, 0, 1].item<double>();
        Assert.Equal((8 - 0.1 * mean) / Math.Sqrt(0.9 + 0.1 * variance + 1e-4), Normalised(), 1e-12);
        norm.RefreshStatistics(x);
        Assert.Equal((8 - mean) / Math.Sqrt(variance + 1e-4), Normalised(), 1e-12);
    }

    [Theory]
    [InlineData("CheckerboardCoupling, colour")]
    [InlineData("ChannelCoupling, second")]
    public void Refreshed_nets_compute_in_evaluation_what_they_did_in_training(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        FlowStepModule step = Randomised(name);
        Tensor x = randn([100, .. s_steps[name].Shape.Dimensions.Select(dimension => (long)dimension)], dtype: ScalarType.Float64,
            generator: new Generator(5)) * 2 + 1;
        step.train();
        Tensor training = step.forward(x).Output;
        step.eval();
        Assert.False(training.allclose(step.forward(x).Output, 1e-2, 1e-2));
        step.RefreshStatistics(x);
        Assert.True(training.allclose(step.forward(x).Output, 1e-2, 1e-2)); // except for the factor n / (n - 1) of running variances
        Assert.False(step.training);
    }

    [Fact]
    public void Logit_is_the_paper_s_within_the_levels_and_finite_beyond_them()
    {
        using DisposeScope scope = NewDisposeScope();
        var logit = new LogitModule(256, 1);
        Tensor levels = tensor(new double[] { 0, 128, 255, 0, -1e6, 1e6, 300, -50 }, [2, 1, 2, 2]);
        (Tensor y, Tensor logDet) = logit.forward(levels);
        double expected = 0;
        foreach (int level in new[] { 0, 128, 255, 0 })
        {
            double p = 0.05 + 0.9 * (level + 0.5) / 256, logitOfP = Math.Log(p / (1 - p));
            // softplus(y) + softplus(-y) + log(1 - 2 a), for x; one level is 1/256 of it
            expected += Math.Log(1 + Math.Exp(logitOfP)) + Math.Log(1 + Math.Exp(-logitOfP)) + Math.Log(0.9) - Math.Log(256);
        }
        Assert.Equal(expected, logDet[0].item<double>(), 1e-5); // alpha is a float
        Assert.True(y.isfinite().all().item<bool>());
        Assert.True((logit.Inverse(y) - levels).abs().max().item<double>() < 1e-6);
    }

    [Fact]
    public void Bits_per_dimension_do_not_depend_on_the_columns_units()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor levels = tensor(new double[] { 3, 200, 17, 255 }, [1, 1, 2, 2]);
        double Bits(float width)
        {
            var logit = new LogitModule(256, width);
            (Tensor y, Tensor logDet) = logit.forward(levels * width);
            double logLikelihood = (logDet - (y.square() + Math.Log(2 * Math.PI)).sum() / 2).item<double>();
            return new FlowModel(FlowShape.Image(1, 2, 2), [logit.Freeze()]).BitsPerDimension(logLikelihood);
        }
        Assert.Equal(Bits(1), Bits(1 / 255f), 1e-9);
    }

    private static void CheckLogDet(string name, FlowStepModule step)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor x = RandomImages(name);
        double largest = 0;
        for (int row = 0; row < Rows; row++)
        {
            // row by row, because the nets inside a coupling have batch norm of their own: over the conditioning half, so that in training
            // too, where it moves with the row, the Jacobian is triangular
            Tensor point = x.narrow(0, row, 1);
            double logDet = step.forward(point, Planes(name)).LogDet.sum().item<double>();
            Tensor Map(Tensor images) => step.forward(images, Planes(name)).Output;
            double numerical = step.training ? NumericalJacobian.LogAbsDet(Map, point) : NumericalJacobian.LogAbsDetOfRows(Map, point);
            Assert.Equal(numerical, logDet, 1e-6 * Math.Max(1, Math.Abs(numerical)));
            largest = Math.Max(largest, Math.Abs(logDet));
        }
        bool keepsVolume = step is SqueezeModule or UnsqueezeModule or FactorOutModule or ChannelPermutationModule
            || name == "ChannelLinear, rotation";
        if (!keepsVolume) // whose log-determinants are zero
            Assert.True(largest > 0.1, "The step is near the identity: the test would pass anything.");
    }

    private static FlowStepModule Randomised(string name)
    {
        FlowStepModule step = s_steps[name].Create();
        RandomState.Set(step);
        step.eval();
        return step;
    }

    private static Tensor RandomImages(string name)
    {
        FlowShape shape = s_steps[name].Shape;
        long[] dimensions = [Rows, .. shape.Dimensions.Select(dimension => (long)dimension)];
        double? range = s_steps[name].Create().Freeze() switch
        {
            Logit logit => logit.Levels * (double)logit.LevelWidth,
            LearnedDequantization bins => bins.Levels * (double)bins.LevelWidth,
            _ => null,
        };
        if (range is { } levels) // from the first to the last and a little beyond
            return (rand(dimensions, dtype: ScalarType.Float64, generator: new Generator(3)) * 1.2 - 0.1) * levels;
        return randn(dimensions, dtype: ScalarType.Float64, generator: new Generator(3)) * 1.5;
    }

    private static (FlowShape, Func<FlowStepModule>) Checkerboard(FlowShape shape, ImageMask mask, ImageCouplingOptions options)
        => (shape, () => new CheckerboardCouplingModule(
            mask, shape.Dimensions[0], shape.Dimensions[1], shape.Dimensions[2], options, new Generator(1)));

    private static (FlowShape, Func<FlowStepModule>) Channels(FlowShape shape, ImageMask mask, ImageCouplingOptions options)
        => (shape, () => new ChannelCouplingModule(mask, shape.Dimensions[0], options, new Generator(1)));

    /// <summary>The planes of the position, where a coupling reads them.</summary>
    private static Tensor? Planes(string name)
    {
        (FlowShape shape, Func<FlowStepModule> create) = s_steps[name];
        return create().Freeze() is PositionedCoupling { Net.Position: { } position }
            ? new MapReader(shape.Dimensions[1], shape.Dimensions[2], position.Inputs / 4, new float[shape.Dimensions[0]], null, null)
                .Planes.to(ScalarType.Float64)
            : null;
    }

    private static (FlowShape, Func<FlowStepModule>) Positioned(FlowShape shape, ImageMask mask, PositionedNetOptions options)
        => (shape, () => new PositionedCouplingModule(mask, shape.Dimensions[0], options, new Generator(1)));

    private static (FlowShape, Func<FlowStepModule>) Norm(FlowShape shape, ImageMask mask, bool maskedZeros = false)
        => (shape, () => new ImageBatchNormModule(mask, shape.Dimensions[0], shape.Dimensions[1], shape.Dimensions[2], maskedZeros));
}
