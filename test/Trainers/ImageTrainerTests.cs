using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The estimator on image columns: architecture by shape, presets, levels, and what is refused.</summary>
public sealed class ImageTrainerTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_column_of_three_dimensions_gets_the_multi_scale_flow_and_learns()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(new ImageFlowOptions { Levels = 17, BaseWidth = 4, Blocks = 1 });
        (options.Steps, options.LearningRate, options.Threads) = (250, 5e-3, 1);
        IDataView train = Load(Patterns(400, 1), 1, 4, 4), test = Load(Patterns(200, 2), 1, 4, 4);
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(train);
        Assert.True(model.Model.InputShape.IsImage);
        Assert.Equal(17, Assert.IsType<Logit>(model.Model.Steps[0]).Levels);
        Assert.Contains(model.Model.Steps, step => step is FactorOut);
        // rows are noise of +-1 level about one of four images: log2(4 * 3^16) / 16 = 1.7 bits are the least possible, log2(17) = 4.1 those
        // of no knowledge
        double least = (2 + 16 * Math.Log2(3)) / 16, found = model.BitsPerDimension(test).Mean;
        Assert.InRange(found, least - 0.01, 2.9);
        Assert.Contains(model.Model.Probes.Rows, value => value == 0);
        Assert.Contains(model.Model.Probes.Rows, value => value == 16);
    }

    /// <summary>
    /// Rows of one free pixel among fifteen that never change: log2(4) / 16 = 0.125 bits are the least possible. Uniform noise costs what a
    /// box has over the bell of the same variance, a quarter of a bit for each certain pixel.
    /// </summary>
    [Fact]
    public void Noise_that_a_net_shapes_costs_certain_pixels_less()
    {
        var random = new Random(1);
        IDataView data = Load(Enumerable.Range(0, 300).Select(_ => Enumerable.Range(0, 16)
            .Select(pixel => (float)(pixel == 5 ? random.Next(4) : pixel % 4)).ToArray()), 1, 4, 4);
        var image = new ImageFlowOptions { Levels = 4, Scales = 1, BaseWidth = 3, Blocks = 1 };
        double uniform = Bits(image), learned = Bits(image with { DequantizationMaps = 4 });
        Assert.InRange(uniform, 0.3, 0.6);
        Assert.InRange(learned, 0.12, uniform - 0.1);

        double Bits(ImageFlowOptions image)
        {
            RealNvpTrainer.Options options = Tiny(image);
            (options.Steps, options.BatchSize, options.LearningRate, options.Dropout) = (250, 16, 1e-2, 0);
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
            using MLImage drawn = model.SampleGrid(rows: 1, columns: 2);
            return model.BitsPerDimension(data).Mean;
        }
    }

    [Theory, InlineData(1f), InlineData(1 / 16f)]
    public void The_width_of_a_level_is_told_from_the_rows(float width)
    {
        RealNvpTrainer.Options options = Tiny(new ImageFlowOptions { Levels = 17, BaseWidth = 2, Blocks = 1 });
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options)
            .Fit(Load(Patterns(40, 1).Select(row => Array.ConvertAll(row, value => value * width)), 1, 4, 4));
        Assert.Equal(width, ((Logit)model.Model.Steps[0]).LevelWidth, 1e-7);
    }

    [Fact]
    public void Levels_that_were_forgotten_are_told()
    {
        var log = new List<string>();
        _ml.Log += (_, e) => log.Add(e.RawMessage);
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(Tiny(new ImageFlowOptions { BaseWidth = 2, Blocks = 1 }))
            .Fit(Load(Patterns(40, 1), 1, 4, 4));
        Assert.Contains(log, line => line.StartsWith("The largest pixel in column 'Features' is 16, of 256 levels from 0 to 255",
            StringComparison.Ordinal));
    }

    [Fact]
    public void A_flat_column_takes_its_shape_from_the_options()
    {
        IDataView flat = Tables.Load(_ml, Patterns(40, 1));
        ImageFlowOptions image = new() { Levels = 17, BaseWidth = 2, Blocks = 1 };
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(Tiny(image with { Shape = FlowShape.Image(1, 4, 4) }))
            .Fit(flat);
        Assert.Equal(FlowShape.Image(1, 4, 4), model.Model.InputShape);
        Refused("has no height and width", flat, image);
        Refused("Image.Shape is 1x4x5", flat, image with { Shape = FlowShape.Image(1, 4, 5) });
        Refused("height x width x channels", Load(Patterns(40, 1).Select(row => row[..12]), 6, 1, 2), image);
        Refused("nearest such size", Load(Patterns(40, 1).Select(row => row[..12]), 1, 3, 4), image with { Scales = 2 });
        Refused("pixel of", Load(Patterns(40, 1).Select(row => Array.ConvertAll(row, value => value * 20)), 1, 4, 4), image);
    }

    [Fact]
    public void A_column_of_bits_per_dimension_is_refused_for_continuous_features_before_training()
    {
        var random = new Random(1);
        float[][] rows = [.. Enumerable.Range(0, 100).Select(_ => new float[] { random.Next(5), random.NextSingle() })];
        bool trained = false;
        RealNvpTrainer.Options options = new()
        {
            Columns = new RealNvpColumns { BitsPerDimension = "Bits" },
            Steps = 2,
            Progress = new Progress(_ => trained = true),
        };
        string message = Assert.Throws<ArgumentException>(()
            => _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Tables.Load(_ml, rows))).Message;
        Assert.Contains("'Bits' of bits per dimension needs discrete features, and value 1 of 'Features'", message,
            StringComparison.Ordinal);
        Assert.False(trained);
        using RealNvpTransformer discrete = _ml.AnomalyDetection.Trainers.RealNvp(options)
            .Fit(Tables.Load(_ml, [.. rows.Select(row => new[] { row[0], MathF.Round(9 * row[1]) })]));
        Assert.True(discrete.Model.IsDiscrete);
    }

    [Theory, InlineData(nameof(ImagePreset.Cifar10)), InlineData(nameof(ImagePreset.ImageNet32)),
        InlineData(nameof(ImagePreset.ImageNet64)), InlineData(nameof(ImagePreset.CelebA)), InlineData(nameof(ImagePreset.Lsun))]
    public void A_preset_trains_from_a_folder_of_images(string name)
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 8; i++)
        {
            int shift = 31 * i;
            folder.Image($"{i}.png", 218, 178, (channel, row, column) => (byte)(shift + channel * 40 + row + column));
        }
        var preset = (ImagePreset)typeof(ImagePreset).GetProperty(name)!.GetValue(null)!;
        var architecture = (ImageFlowOptions)typeof(ImageFlowOptions).GetProperty(name)!.GetValue(null)!;
        // the preset's scales, masks, crops and flips; nets as narrow as they can be, for the paper's take minutes a step on a CPU
        RealNvpTrainer.Options options = Tiny(architecture with { BaseWidth = 2, Blocks = 1 });
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(_ml.Data.LoadImageFolder(folder.Root, preset));
        Assert.Equal(FlowShape.Image(3, preset.Height, preset.Width), model.Model.InputShape);
        Assert.Equal("2", model.Model.Metadata.Training["steps"]);
        Assert.Equal(architecture.Scales - 1, model.Model.Steps.Count(step => step is FactorOut));
    }

    [Fact]
    public void Bfloat16_learns_and_its_flow_is_exact()
    {
        RealNvpTrainer.Options options = Tiny(new ImageFlowOptions { Levels = 17, BaseWidth = 4, Blocks = 1 });
        (options.Precision, options.Steps, options.LearningRate, options.BatchSize) = (TrainingPrecision.BFloat16, 100, 5e-3, 32);
        var first = new List<double>();
        options.Progress = new Progress(progress => first.Add(progress.TrainingBitsPerDimension));
        // parity is checked by Fit
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Load(Patterns(200, 1), 1, 4, 4));
        Assert.True(first[^1] < first[0] - 0.3, $"{first[0]} to {first[^1]}");
    }

    private static RealNvpTrainer.Options Tiny(ImageFlowOptions image)
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(image);
        (options.Steps, options.BatchSize, options.Threads) = (2, 4, 1);
        return options;
    }

    private void Refused(string expected, IDataView data, ImageFlowOptions image)
        => Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(()
        => _ml.AnomalyDetection.Trainers.RealNvp(Tiny(image)).Fit(data)).Message, StringComparison.Ordinal);

    /// <summary>One of four images of 4 x 4, each pixel moved by -1, 0 or 1 levels.</summary>
    private static IEnumerable<float[]> Patterns(int count, int seed)
    {
        var patterns = new Random(0);
        int[][] images = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 16).Select(_ => patterns.Next(1, 16)).ToArray())];
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
            yield return [.. images[random.Next(4)].Select(level => (float)(level + random.Next(-1, 2)))];
    }

    private IDataView Load(IEnumerable<float[]> rows, int channels, int height, int width)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, channels, height, width);
        return _ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }

    private sealed class Progress(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
