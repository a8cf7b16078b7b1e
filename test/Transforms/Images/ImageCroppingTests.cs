using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Images;

public sealed class ImageCroppingTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Scaling_is_the_widened_triangle_filter()
    {
        foreach ((int height, int width, int target) in new[] { (37, 53, 16), (10, 10, 16), (30, 17, 17), (64, 64, 8) })
        {
            // a part that touches no edge where that is possible, read through the crop's own rectangle
            _folder.Image("image.png", height, width, TemporaryFolder.Noise);
            float[] actual = Features(ImageCrop.Rectangle(1, 2, height - 2, width - 3), target, target);
            double side = Math.Min(height - 2, width - 3), y0 = 1 + (height - 2 - side) / 2, x0 = 2 + (width - 3 - side) / 2,
                scale = side / target;
            for (int i = 0; i < actual.Length; i++)
            {
                (int channel, int row, int column) = (i / (target * target), i / target % target, i % target);
                double sum = 0, total = 0;
                for (int y = 1; y < height - 1; y++)
                {
                    for (int x = 2; x < width - 1; x++)
                    {
                        double weight = Triangle(y + 0.5, y0 + (row + 0.5) * scale, scale) * Triangle(x + 0.5, x0 + (column + 0.5) * scale,
                            scale);
                        sum += weight * TemporaryFolder.Noise(channel, y, x);
                        total += weight;
                    }
                }
                Assert.Equal(sum / total, actual[i], 0.501);
            }
        }

        static double Triangle(double at, double center, double scale) => Math.Max(0, 1 - Math.Abs(at - center) / Math.Max(1, scale));
    }

    [Fact]
    public void White_stays_white_at_every_size()
    {
        // ML.NET's ResizeImages leaves a black edge at 41, 47, 55, 61 ...
        for (int side = 20; side < 120; side += 1)
        {
            _folder.Image("image.png", side, side + side % 3, (_, _, _) => 255);
            Assert.All(Features(ImageCrop.Center, 32, 32), level => Assert.Equal(255, level));
        }
    }

    [Fact]
    public void Random_places_depend_on_seed_and_row_alone_and_fill_the_image()
    {
        _folder.Image("image.png", 9, 12, TemporaryFolder.Noise);
        float[][] places = [.. from top in Enumerable.Range(0, 3) from left in Enumerable.Range(0, 6) select TemporaryFolder.Planar(3, 7,
            7, TemporaryFolder.Noise, top, left)];
        string[] paths = [.. Enumerable.Repeat(Path.Combine(_folder.Root, "image.png"), 400)];
        int[] first = Places(0, data => data);
        Assert.DoesNotContain(-1, first);
        Assert.Equal(first, Places(0, data => data));
        Assert.All(Enumerable.Range(0, places.Length), place => Assert.InRange(first.Count(found => found == place), 5, 50)); // 22 expected
        Assert.InRange(first.Zip(first.Skip(1)).Count(pair => pair.First == pair.Second), 5, 50); // neighbours agree by chance alone
        Assert.InRange(first.Zip(Places(1, data => data)).Count(pair => pair.First == pair.Second), 5, 50);
        Assert.Equal(first[100..], Places(0, data => _ml.Data.FilterRowsByColumn(data, "Number", lowerBound: 100)));
        int[] shuffled = Places(0, data => _ml.Data.ShuffleRows(data, seed: 3, shuffleSource: false));
        Assert.NotEqual(first, shuffled);
        Assert.Equal(first, shuffled.Zip(_numbers).OrderBy(pair => pair.Second).Select(pair => pair.First));

        int[] Places(int seed, Func<IDataView, IDataView> select)
        {
            IDataView files = select(_ml.Data.LoadFromEnumerable(paths.Select((path, i)
                => new NumberedFile { ImagePath = path, Number = i })));
            IDataView data = _ml.Transforms.LoadImageFeatures(new ImagePreset(3, 7, 7) { Crop = ImageCrop.Random(9, seed) }).Fit(files)
                .Transform(files);
            _numbers = [.. data.GetColumn<float>("Number")];
            return [.. data.GetColumn<float[]>("Features")
                .Select(features => Array.FindIndex(places, place => place.AsSpan().SequenceEqual(features)))];
        }
    }

    private float[] _numbers = [];

    [Fact]
    public void Random_crop_scales_the_smaller_side()
    {
        // level = row / 2: a part of 10 x 10 of the image at half its size spans 9 rows of 2 x 2 pixels
        _folder.Image("image.png", 40, 60, (_, row, _) => (byte)(row * 4));
        float[] features = Features(ImageCrop.Random(20), 10, 10);
        for (int row = 1; row < 10; row++)
            Assert.Equal(8, features[row * 10] - features[(row - 1) * 10], 1.01);
    }

    [Fact]
    public void Pipeline_comes_back_as_it_was_and_runs_row_by_row()
    {
        string path = _folder.Image("image.png", 50, 60, TemporaryFolder.Noise);
        foreach (ImageCrop crop in new[] { ImageCrop.Center, ImageCrop.Rectangle(3, 4, 20, 30), ImageCrop.Random(30, 7) })
        {
            IDataView files = _ml.Data.LoadFromEnumerable(Enumerable.Repeat(new NumberedFile { ImagePath = path }, 4));
            ITransformer model = _ml.Transforms.LoadImageFeatures(new ImagePreset(3, 16, 12) { Crop = crop }).Fit(files);
            string saved = _folder.File("model.zip");
            _ml.Model.Save(model, files.Schema, saved);
            ITransformer loaded = new MLContext().Model.Load(saved, out _);
            float[][] expected = [.. model.Transform(files).GetColumn<float[]>("Features")];
            Assert.Equal(expected, loaded.Transform(files).GetColumn<float[]>("Features"));
            using PredictionEngine<NumberedFile, FeaturesOfFile> engine = _ml.Model.CreatePredictionEngine<NumberedFile,
                FeaturesOfFile>(loaded);
            Assert.Equal(expected[0], engine.Predict(new NumberedFile { ImagePath = path }).Features);
            ImageCroppingTransformer cropping = Find(loaded)!;
            Assert.Equal((crop, 16, 12), (cropping.Crop, cropping.Height, cropping.Width));
        }

        static ImageCroppingTransformer? Find(ITransformer model)
            => model as ImageCroppingTransformer
            ?? (model as IEnumerable<ITransformer>)?.Select(Find).FirstOrDefault(found => found is not null);
    }

    [Fact]
    public void Images_in_memory_are_cropped_too()
    {
        string path = _folder.Image("image.png", 10, 12, TemporaryFolder.Noise);
        IDataView files = _ml.Data.LoadFromEnumerable([new NumberedFile { ImagePath = path }]);
        IDataView images = _ml.Transforms.LoadImages("Image", null, "ImagePath").Fit(files).Transform(files);
        IEstimator<ITransformer> pipeline =
            _ml.Transforms.ExtractImageFeatures(new ImagePreset(3, 5, 5) { Crop = ImageCrop.Rectangle(2, 3, 5, 5) });
        Assert.Equal(TemporaryFolder.Planar(3, 5, 5, TemporaryFolder.Noise, 2, 3),
            pipeline.Fit(images).Transform(images).GetColumn<float[]>("Features").Single());
        ImageCroppingEstimator cropping = _ml.Transforms.CropImages("Part", 5, 4, inputColumnName: "Image");
        IDataView parts = cropping.Fit(images).Transform(images);
        Assert.Equal((5, 4), parts.Schema["Part"].Type is ImageDataViewType type ? (type.Height, type.Width) : default);
    }

    [Fact]
    public void Wrong_crops_and_columns_are_refused()
    {
        Assert.Contains("smaller side is 20",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.CropImages("Image", 16, 24, ImageCrop.Random(20))).Message);
        Assert.Contains("Top = -1", Assert.Throws<ArgumentOutOfRangeException>(()
            => _ml.Transforms.CropImages("Image", 8, 8, ImageCrop.Rectangle(-1, 0, 8, 8))).Message);
        Assert.Contains("0 x 8", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.CropImages("Image", 0, 8)).Message);
        IDataView files = _ml.Data.LoadFromEnumerable([new NumberedFile()]);
        Assert.Contains("'Image' is missing",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.CropImages("Image", 8, 8).Fit(files)).Message);
        Assert.Contains("Expected: an image",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.CropImages("ImagePath", 8, 8).Fit(files)).Message);
        using PredictionEngine<NumberedFile, FeaturesOfFile> engine
            = _ml.Model.CreatePredictionEngine<NumberedFile,
                FeaturesOfFile>(_ml.Transforms.LoadImageFeatures(ImagePreset.Cifar10).Fit(files));
        Assert.Contains("row 0 is missing", Assert.Throws<InvalidDataException>(() => engine.Predict(new NumberedFile())).Message);
    }

    private float[] Features(ImageCrop crop, int height, int width)
        => _ml.Data.LoadImageFolder(_folder.Root, height, width, crop).GetColumn<float[]>("Features").Single();
}

/// <summary>A row that names an image.</summary>
internal sealed class NumberedFile
{
    public string ImagePath { get; set; } = "";

    public float Number { get; set; }
}

/// <summary>What is read back.</summary>
internal sealed class FeaturesOfFile
{
    public float[] Features { get; set; } = [];
}
