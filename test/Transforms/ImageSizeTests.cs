using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Exports;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Parity;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Image flows at other sizes than they were trained at, and the parity of their graphs at both.</summary>
public sealed class ImageSizeTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = ImageFlows.Random(3, 4, 4, 256, 1);

    [Fact]
    public void Samples_of_another_size_are_those_of_the_formulas()
    {
        using RealNvpTransformer flow = new(_ml, _model), large = flow.WithImageSize(6, 10);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 3, 6, 10), large.Sample(1).Schema["Features"].Type);
        Assert.Equal(new ImageDataViewType(6, 10), large.SampleImages(1).Schema["Image"].Type);
        var noise = new float[180];
        new GaussianNoise(4).Fill(0, noise);
        double[] expected = ReferenceFlow.Sample(_model.WithImageSize(6, 10), noise);
        float[] found = large.Sample(1, seed: 4).GetColumn<float[]>("Features").Single();
        Tolerance.Values([.. expected.Select(value => value / 256)], Array.ConvertAll(found, value => value / 256));
        using MLImage grid = large.SampleGrid(2, 1, margin: 0);
        Assert.Equal((12, 10), (grid.Height, grid.Width));
    }

    /// <summary>Two scales: of 2 x 2 pixels the last one has a single pixel, without neighbours.</summary>
    [Theory, InlineData(2, 2), InlineData(2, 6)]
    public void The_smallest_sizes_are_those_of_the_formulas_too(int height, int width)
    {
        string path = Path.GetTempFileName();
        try
        {
            using RealNvpTransformer flow = new(_ml, _model);
            flow.ExportSampler(path, height, width);
            int size = 3 * height * width;
            var noise = new float[size];
            new GaussianNoise(4).Fill(0, noise);
            double[] expected = ReferenceFlow.Sample(_model.WithImageSize(height, width), noise);
            float[] found = Graphs.Run(File.ReadAllBytes(path), "Latent", noise, size, "Features")[0];
            Tolerance.Values([.. expected.Select(value => value / 256)], Array.ConvertAll(found, value => value / 256));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Layouts_that_cannot_be_are_refused_before_anything_is_drawn()
    {
        using RealNvpTransformer flow = new(_ml, _model);
        // a billion samples would take hours
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.SampleGrid(1 << 15, 1 << 15, margin: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.SampleGrid(1 << 15, 1 << 15, magnification: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.Manifold(flow.Sample(4), side: 1 << 10, margin: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.Reconstructions(flow.Sample(4), count: 4, magnification: 0));
    }

    [Fact]
    public void Large_images_come_in_smaller_batches()
    {
        using RealNvpTransformer flow = new(_ml, _model), large = flow.WithImageSize(64, 96);
        // cursors of a set share whole batches out: as many cursors as batches, at most
        int Cursors(RealNvpTransformer transformer, int rows)
        {
            IDataView samples = transformer.Sample(rows);
            DataViewRowCursor[] cursors = samples.GetRowCursorSet([], 1000);
            Array.ForEach(cursors, cursor => cursor.Dispose());
            return cursors.Length;
        }
        Assert.Equal(1, Cursors(flow, 256));
        Assert.Equal(2, Cursors(flow, 257));
        Assert.Equal(1, Cursors(large, 14)); // 14 * 3 * 64 * 96 < 2^18 < 15 * 3 * 64 * 96
        Assert.Equal(2, Cursors(large, 15));
    }

    [Fact]
    public void Sampler_of_another_size_is_written_with_its_error()
    {
        string path = Path.GetTempFileName();
        try
        {
            using RealNvpTransformer flow = new(_ml, _model);
            flow.ExportSampler(path, 6, 10);
            byte[] written = File.ReadAllBytes(path);
            float[] rows = Graphs.Run(written, "Latent", new float[2 * 180], 180, "Features")[0];
            Assert.Equal(2 * 180, rows.Length);
            Dictionary<string, string> metadata =
                ML.Export.Onnx.ModelProto.Parser.ParseFrom(written).MetadataProps.ToDictionary(pair => pair.Key, pair => pair.Value);
            Assert.Equal("3x6x10", metadata["realnvp.input_shape"]);
            Assert.Equal("16", metadata["realnvp.parity.round_trips"]);
            Assert.InRange(double.Parse(metadata["realnvp.parity.round_trip.max_rms_error.Latent"],
                System.Globalization.CultureInfo.InvariantCulture), 1e-9, 1e-3);
            // a transformer of that size writes the same
            using RealNvpTransformer large = flow.WithImageSize(6, 10);
            large.ExportSampler(path);
            Assert.Equal(written, File.ReadAllBytes(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_graph_that_the_density_does_not_undo_is_refused()
    {
        FlowModel large = _model.WithImageSize(6, 10), other = ImageFlows.Random(3, 4, 4, 256, 1, seed: 2).WithImageSize(6, 10);
        FlowParityException error = Assert.Throws<FlowParityException>(() => FlowParity.CheckRoundTrip(large, other.BuildSamplingGraph()));
        Assert.Equal("Latent", error.Output);
        Assert.True(error.Found > error.Tolerance);
        Assert.Contains($"Latent {error.Row}", error.Message, StringComparison.Ordinal);
        // a single channel of a single batch norm, of many
        FlowStep[] steps = [.. _model.Steps];
        int last = Array.FindLastIndex(steps, step => step is ImageBatchNorm);
        var norm = (ImageBatchNorm)steps[last];
        steps[last] = new ImageBatchNorm(norm.Mask, norm.Scale, norm.Shift.SetItem(0, norm.Shift[0] + 0.2f));
        Assert.Throws<FlowParityException>(()
            => FlowParity.CheckRoundTrip(large, new FlowModel(large.InputShape, steps).BuildSamplingGraph()));
    }

    [Fact]
    public void Mixtures_are_checked_member_by_member()
    {
        FlowModel mixture = ImageFlows.Mixture(), large = mixture.WithImageSize(8, 6);
        Assert.Equal("32", FlowParity.CheckRoundTrip(large, large.BuildSamplingGraph())["round_trips"]);
        FlowModel wrong = new(large.InputShape, (IReadOnlyList<IEnumerable<FlowStep>>)[large.Members[0], large.Members[0]]);
        Assert.Throws<FlowParityException>(() => FlowParity.CheckRoundTrip(large, wrong.BuildSamplingGraph()));
    }

    [Fact]
    public void A_wrong_flow_of_the_trained_size_is_not_exported_at_another()
    {
        FlowModel damaged = new(_model.InputShape, _model.Steps, _model.Calibration, _model.Metadata,
            new ProbeSet(_model.Probes.Rows, _model.Probes.LogLikelihoods, _model.Probes.Latents.SetItem(70, 9)));
        using RealNvpTransformer flow = new(_ml, damaged);
        string path = Path.GetTempFileName();
        try
        {
            Assert.Equal("Features", Assert.Throws<FlowParityException>(() => flow.ExportSampler(path, 8, 8)).Output);
            Assert.Equal(0, new FileInfo(path).Length);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(5, 8, "multiples of 2; found 5x8. The nearest such sizes are 4x8 and 6x8.")]
    [InlineData(7, 9, "The nearest such sizes are 6x8 and 8x10.")]
    [InlineData(0, 4, "The nearest such size is 2x4.")]
    [InlineData(-3, 4, "The nearest such size is 2x4.")]
    [InlineData(100_000, 100_000, "3x100000x100000 have more values than a")]
    public void Sizes_that_do_not_fit_are_refused_with_the_nearest_that_do(int height, int width, string expected)
    {
        using RealNvpTransformer flow = new(_ml, _model);
        Assert.Contains(expected, Assert.Throws<FlowModelException>(() => flow.WithImageSize(height, width)).Message,
            StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<FlowModelException>(() => flow.ExportSampler("never.onnx", height, width)).Message,
            StringComparison.Ordinal);
        Assert.False(File.Exists("never.onnx"));
    }

    [Fact]
    public void The_unit_of_sizes_counts_squeezes_that_stay()
    {
        var steps = new RandomImageSteps(1);
        Assert.Equal(2, _model.ImageSizeUnit);
        Assert.Equal(4, new FlowModel(FlowShape.Image(1, 8, 8), [.. steps.Scale(1), .. steps.Scale(2)]).ImageSizeUnit);
        Assert.Equal(1, ImageFlows.LogitAlone(1, 3, 3, 4, 1).ImageSizeUnit);
        Assert.Contains("no image size", Assert.Throws<FlowModelException>(() => Flows.Random().WithImageSize(4, 4)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(1 / 255f)]
    public void Probes_certify_image_flows_in_either_unit(float levelWidth)
    {
        // among them images of the lowest and of the highest level throughout
        FlowModel model = ImageFlows.Random(3, 8, 8, 256, levelWidth);
        FlowParity.Check(model, TestContext.Current.CancellationToken);
        using RealNvpTransformer flow = new(_ml, model);
        string path = Path.GetTempFileName();
        try
        {
            flow.ExportDensity(path);
            flow.ExportSampler(path);
        }
        finally
        {
            File.Delete(path);
        }
        // a pixel that comes back a fifth of a level off
        FlowModel damaged = new(model.InputShape, model.Steps, model.Calibration, model.Metadata,
            new ProbeSet(model.Probes.Rows.SetItem(500, model.Probes.Rows[500] + 0.2f * levelWidth), model.Probes.LogLikelihoods,
                model.Probes.Latents));
        FlowParityException error = Assert.Throws<FlowParityException>(()
            => FlowParity.CheckSampling(damaged, damaged.BuildSamplingGraph()));
        Assert.Equal(500 / 192, error.Row);
        FlowParity.Check(ImageFlows.Mixture(), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Parity_takes_images_of_64_by_64()
    {
        FlowShape shape = FlowShape.Image(3, 64, 64);
        var steps = new RandomImageSteps(3);
        FlowStep[] all = [new Logit(256, 1), .. steps.Both(ImageMask.EvenPixels, 3), new Squeeze(SqueezeOrder.Ordered), new FactorOut()];
        var bare = new FlowModel(shape, all);
        float[][] rows = ImageFlows.Rows(bare, 3);
        FlowParity.Check(new FlowModel(shape, all, probes: new ProbeSet(
            [.. rows.SelectMany(row => row)], [.. rows.Select(row => ReferenceFlow.LogLikelihood(bare, row))],
                [.. rows.SelectMany(row => ReferenceFlow.Latent(bare, row))])), TestContext.Current.CancellationToken);
    }
}
