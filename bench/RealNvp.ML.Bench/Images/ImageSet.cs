using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Samples;

namespace RealNvp.ML.Bench.Images;

/// <summary>Images to train on and images to test, in memory.</summary>
/// <param name="Name">The name in figures.</param>
/// <param name="Shape">Channels, height and width.</param>
/// <param name="Levels">The levels of a pixel.</param>
/// <param name="Train">Training images as rows of levels, planar.</param>
/// <param name="Test">Test images, which the training images do not hold.</param>
internal sealed record ImageSet(string Name, (int Channels, int Height, int Width) Shape, int Levels, float[][] Train, float[][] Test)
{
    /// <summary>The numbers in a row.</summary>
    public int Dimensions => Shape.Channels * Shape.Height * Shape.Width;

    /// <summary>Reads a set, or its first images.</summary>
    /// <exception cref="BenchmarkFailedException">A file is missing or not the set's, or there are too few training images for the
    /// baselines.</exception>
    public static ImageSet Read(string name, ImagesArguments arguments)
    {
        var ml = new MLContext();
        string images = Path.Combine(arguments.Data, "images");
        try
        {
            ImageSet set = name switch
            {
                "digits" => Digits17(Path.Combine(arguments.Data, "samples", "digits.csv.gz"), arguments),
                "mnist" => new(name, (1, 28, 28), 256,
                    Rows(ml.Data.LoadIdx(Path.Combine(images, "mnist-train-images-idx3-ubyte.gz")), arguments.Train),
                    Rows(ml.Data.LoadIdx(Path.Combine(images, "mnist-t10k-images-idx3-ubyte.gz")), arguments.Test)),
                "cifar10" => new(name, (3, 32, 32), 256,
                    Rows(ml.Data.LoadCifar10(images), arguments.Train),
                    Rows(ml.Data.LoadCifar10(Path.Combine(images, "cifar10-test.bin.gz")), arguments.Test)),
                _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such set."),
            };
            return set.Train.Length > set.Dimensions
                ? set
                : throw new BenchmarkFailedException($"{name} has {set.Train.Length} training images, expected more than its "
                + $"{set.Dimensions} dimensions: a baseline fits a full covariance.");
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new BenchmarkFailedException($"{name} cannot be read: {e.Message}");
        }
    }

    /// <summary>Rows as a view whose column <c>Features</c> has the images' shape.</summary>
    public IDataView View(MLContext ml, float[][] rows)
    {
        var schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType =
            new VectorDataViewType(NumberDataViewType.Single, Shape.Channels, Shape.Height, Shape.Width);
        return ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row }), schema);
    }

    private static ImageSet Digits17(string path, ImagesArguments arguments)
    {
        (Digit[] train, Digit[] test) = Digits.Load(path);
        return new("digits", (1, Digits.Side, Digits.Side), Digits.Levels,
            [.. train.Take(arguments.Train).Select(digit => digit.Features)],
                [.. test.Take(arguments.Test).Select(digit => digit.Features)]);
    }

    private static float[][] Rows(IDataView view, int most) => [.. view.GetColumn<float[]>(nameof(Row.Features)).Take(most)];

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
