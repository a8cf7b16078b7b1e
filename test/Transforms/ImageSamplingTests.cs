using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Pictures;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Samples of image flows as vectors and as pictures.</summary>
public sealed class ImageSamplingTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1, 17, 1f)]
    [InlineData(3, 256, 1 / 255f)]
    [InlineData(3, 2, 10f)]
    public void Pictures_are_the_samples_floored_to_levels(int channels, int levels, float levelWidth)
    {
        FlowModel model = ImageFlows.Random(channels, 4, 6, levels, levelWidth);
        using RealNvpTransformer flow = new(_ml, model, batchSize: 7);
        IDataView samples = flow.Sample(20, seed: 2, temperature: 1.2f),
            images = flow.SampleImages(20, seed: 2, temperature: 1.2f, outputColumnName: "Picture");
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, channels, 4, 6), samples.Schema["Features"].Type);
        var type = Assert.IsType<ImageDataViewType>(Assert.Single(images.Schema).Type);
        Assert.Equal((4, 6), (type.Height, type.Width));
        Assert.Equal(20, images.GetRowCount());
        float[][] rows = [.. samples.GetColumn<float[]>("Features")];
        byte[][] pixels = Pixels(images, "Picture");
        Assert.Equal(rows.Length, pixels.Length);
        Assert.Equal(rows.Select(row => Expected(row, channels, levels, levelWidth)), pixels);
        Assert.Equal(pixels, Pixels(images, "Picture")); // the same in every enumeration
        Assert.True(pixels.SelectMany(image => image).Distinct().Count() > 1 + levels / 3, "more than a few shades");
    }

    [Fact]
    public void Values_beyond_the_levels_are_clamped_and_bins_have_their_lower_end()
    {
        var image = new LevelImage(ImageFlows.LogitAlone(1, 3, 3, 5, 0.5f));
        float[] values = [-100, -0.26f, 0.249f, 0.25f, 1.2f, 1.25f, 2, 1e30f, float.NaN];
        byte[] expected = [0, 0, 0, 64, 128, 191, 255, 255, 0]; // levels 0 0 0 1 2 3 4 4, of 5
        using MLImage picture = image.Create(values);
        Assert.Equal(expected, Enumerable.Range(0, 9).Select(i => picture.Pixels[4 * i + 2]));
        Assert.All(Enumerable.Range(0, 9), i => Assert.Equal(255, picture.Pixels[4 * i + 3]));
    }

    [Fact]
    public void Sampler_gives_vectors_and_images_of_latents()
    {
        FlowModel model = ImageFlows.Random(3, 4, 4, 256, 1);
        float[][] rows = ImageFlows.Rows(model, 9);
        using RealNvpTransformer flow = new(_ml, model);
        using RealNvpSampler vectors = flow.CreateSampler(outputColumnName: "Back"), images = flow.CreateSampler(asImages: true);
        Assert.True(images.GivesImages);
        Assert.False(vectors.GivesImages);
        IDataView latents = flow.Transform(ImageRow.View(_ml, model, rows));
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 3, 4, 4), vectors.GetOutputSchema(latents.Schema)["Back"].Type);
        Assert.IsType<ImageDataViewType>(images.GetOutputSchema(latents.Schema)["Image"].Type);
        // there and back: exactly the levels that went in
        Assert.Equal(rows.Select(row => Expected(row, 3, 256, 1)), Pixels(images.Transform(latents), "Image"));

        string path = Path.GetTempFileName();
        try
        {
            _ml.Model.Save(images, null, path);
            ITransformer loaded = new MLContext().Model.Load(path, out _);
            Assert.Equal(Pixels(images.Transform(latents), "Image"), Pixels(loaded.Transform(latents), "Image"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Images_travel_on_through_pipelines()
    {
        // grey pixels that ExtractPixels reads back are the levels, scaled
        FlowModel model = ImageFlows.Random(1, 4, 4, 256, 1);
        using RealNvpTransformer flow = new(_ml, model);
        IDataView images = flow.SampleImages(5, seed: 4);
        IDataView pixels = _ml.Transforms.ExtractPixels("Pixels", "Image", ImagePixelExtractingEstimator.ColorBits.Red).Fit(images)
            .Transform(images);
        Assert.Equal(Pixels(images, "Image").Select(image => image.Where((_, i) => i % 4 == 0)),
            pixels.GetColumn<float[]>("Pixels").Select(row => row.Select(value => (byte)value)));
    }

    [Fact]
    public void An_image_that_is_handed_back_is_disposed()
    {
        using RealNvpTransformer flow = new(_ml, ImageFlows.Random());
        IDataView images = flow.SampleImages(3);
        using DataViewRowCursor cursor = images.GetRowCursor(images.Schema);
        ValueGetter<MLImage> getter = cursor.GetGetter<MLImage>(images.Schema["Image"]);
        MLImage value = null!;
        cursor.MoveNext();
        getter(ref value);
        MLImage first = value;
        cursor.MoveNext();
        getter(ref value);
        Assert.NotSame(first, value);
        Assert.ThrowsAny<InvalidOperationException>(() => first.Pixels.Length);
        Assert.Equal(64, value.Pixels.Length);
        value.Dispose();
    }

    [Fact]
    public void Mixtures_have_pictures_too()
    {
        using RealNvpTransformer flow = new(_ml, ImageFlows.Mixture());
        Assert.Equal([.. flow.Sample(9, 5).GetColumn<float[]>("Features").Select(row => Expected(row, 1, 17, 1))],
            Pixels(flow.SampleImages(9, 5), "Image"));
    }

    [Fact]
    public void Flows_without_pictures_say_why()
    {
        string Message(FlowModel model)
        {
            using RealNvpTransformer flow = new(_ml, model);
            Assert.Throws<InvalidOperationException>(() => flow.CreateSampler(asImages: true));
            return Assert.Throws<InvalidOperationException>(() => flow.SampleImages(1)).Message;
        }
        Assert.Contains("over 5 values, not over images", Message(Flows.Random()), StringComparison.Ordinal);
        Assert.Contains("2x4x4, of 2 channels", Message(ImageFlows.Random(2)), StringComparison.Ordinal);
        Assert.Contains("a Logit as its first step", Message(new FlowModel(FlowShape.Image(1, 2, 2), [new Squeeze(SqueezeOrder.Plain)])),
            StringComparison.Ordinal);
        using RealNvpTransformer good = new(_ml, ImageFlows.Random());
        Assert.Throws<ArgumentOutOfRangeException>(() => good.SampleImages(1, temperature: float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => good.SampleImages(-1));
        Assert.Throws<ArgumentException>(() => good.SampleImages(1, outputColumnName: " "));
    }

    /// <summary>The pixels of every image, red, green, blue, alpha.</summary>
    private static byte[][] Pixels(IDataView view, string column)
    {
        List<byte[]> pixels = [];
        foreach (MLImage image in view.GetColumn<MLImage>(column))
        {
            Assert.Equal(MLPixelFormat.Rgba32, image.PixelFormat);
            pixels.Add(image.Pixels.ToArray());
        }
        return [.. pixels];
    }

    private static byte[] Expected(float[] row, int channels, int levels, float levelWidth)
    {
        int pixels = row.Length / channels;
        byte Shade(float value) => (byte)Math.Round(255.0 / (levels - 1) * Math.Clamp(Math.Floor(value / (double)levelWidth + 0.5), 0,
            levels - 1), MidpointRounding.AwayFromZero);
        return [.. Enumerable.Range(0, pixels).SelectMany(i => (byte[])
            [Shade(row[i]), Shade(row[channels == 1 ? i : pixels + i]), Shade(row[channels == 1 ? i : 2 * pixels + i]), 255])];
    }
}
