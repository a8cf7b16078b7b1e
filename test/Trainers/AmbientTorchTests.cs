using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What the application has set in torch for itself reaches neither into Fit nor is it changed by it.</summary>
[Trait("Area", "DataAsItIs")]
[Collection<Alone>]
public sealed class AmbientTorchTests
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Every kind of step and option that makes tensors, in tables and images.</summary>
    public static TheoryData<string, RealNvpTrainer.Options, int[]> Runs => new()
    {
        { "defaults", new() { Steps = 12 }, [4] },
        { "density", Small(RealNvpTrainer.Options.ForDensity()), [4] },
        { "all else", new() { Steps = 12, Table = new() { BatchNorm = true, WeightNorm = true, Mixing = FeatureMixing.Rotation },
            Optimizer = new() { AveragedWeights = 0.9 }, Members = 2, Memory = new() { ResidentLimit = 0 }, Trim = 0.1 }, [4] },
        { "image", new() { Steps = 4, Image = new() { Levels = 17, LevelWidth = 1, BaseWidth = 4, Blocks = 1, Scales = 2 } }, [1, 8, 8] },
    };

    /// <summary>And the fits that are made before training.</summary>
    public static TheoryData<string, RealNvpTrainer.Options, int[]> RunsAndFits => new(Runs)
    {
        { "whitened", new() { Steps = 12, Table = new() { Whitening = true } }, [4] },
        { "one feature", new() { Steps = 12 }, [1] },
        { "maps", new() { Steps = 4, Maps = new() { Couplings = 2, HiddenUnits = 4, PositionFrequencies = 2 } }, [6, 4, 4] },
    };

    [Theory, MemberData(nameof(Runs))]
    public void Fit_gives_the_same_flow_under_no_grad_and_inference_mode(string name, RealNvpTrainer.Options options, int[] shape)
    {
        float[] expected = Scores(options, shape);
        Assert.All(expected, score => Assert.True(float.IsFinite(score), name));
        using (no_grad())
        {
            Assert.Equal(expected, Scores(options, shape));
            Assert.False(is_grad_enabled());
        }
        using (inference_mode())
        {
            Assert.Equal(expected, Scores(options, shape));
            Assert.True(is_inference_mode_enabled());
        }
    }

    [Theory, MemberData(nameof(Runs))]
    public void Fit_gives_the_same_flow_where_the_default_type_is_double(string name, RealNvpTrainer.Options options, int[] shape)
    {
        float[] expected = Scores(options, shape);
        ScalarType before = get_default_dtype();
        set_default_dtype(ScalarType.Float64);
        try
        {
            Assert.Equal(expected, Scores(options, shape));
            Assert.True(get_default_dtype() == ScalarType.Float64, name);
        }
        finally
        {
            set_default_dtype(before);
        }
    }

    /// <summary>On the device "meta" a tensor has no numbers: whatever is made there ends in an error.</summary>
    [Theory, MemberData(nameof(RunsAndFits))]
    public void Fit_gives_the_same_flow_where_the_default_device_is_another(string name, RealNvpTrainer.Options options, int[] shape)
    {
        float[] expected = Scores(options, shape);
        TorchSharp.torch.Device before = get_default_device();
        set_default_device(new Device("meta"));
        try
        {
            Assert.Equal(expected, Scores(options, shape));
            Assert.True(get_default_device().type == TorchSharp.DeviceType.META, name);
        }
        finally
        {
            set_default_device(before);
        }
    }

    private float[] Scores(RealNvpTrainer.Options options, int[] shape)
    {
        int size = shape.Aggregate(1, (product, side) => product * side);
        var random = new Random(1);
        IDataView data = Tables.Load(_ml,
            Enumerable.Range(0, 80).Select(_ => Enumerable.Range(0, size).Select(_ => (float)random.Next(17)).ToArray()), shape);
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
        return [.. model.Transform(data).GetColumn<float>("Score")];
    }

    private static RealNvpTrainer.Options Small(RealNvpTrainer.Options options)
    {
        (options.Epochs, options.Steps, options.Table) = (null, 12, options.Table with { Couplings = 4 });
        return options;
    }
}
