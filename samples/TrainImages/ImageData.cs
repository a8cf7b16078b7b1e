using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>Images to train on and images to test, read lazily.</summary>
/// <param name="Description">What was found.</param>
/// <param name="Train">Training images in the column <c>Features</c>.</param>
/// <param name="Test">Other images.</param>
internal sealed record ImageData(string Description, IDataView Train, IDataView Test)
{
    private const double TestFraction = 0.1; // of a folder that has no test images of its own

    /// <summary>Reads a folder: the files that the preset is named for where they are there, image files else.</summary>
    /// <exception cref="IOException">There are no images, or training images without test images.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static ImageData Read(MLContext mlContext, Arguments arguments)
    {
        if (!Directory.Exists(arguments.Data))
            throw new DirectoryNotFoundException($"There is no folder '{arguments.Data}'.");
        ImageData all = arguments.Preset.Name switch
        {
            "cifar10" when Find(arguments.Data, "test_batch.bin", "cifar10-test.bin") is { } test
                => new("CIFAR-10", mlContext.Data.LoadCifar10(arguments.Data), mlContext.Data.LoadCifar10(test)),
            "small" when Find(arguments.Data, "*t10k-images*", "*test-images*") is { } test
                && Find(arguments.Data, "*train-images*") is { } train
                => new("IDX images", mlContext.Data.LoadIdx(train, Labels(train)), mlContext.Data.LoadIdx(test, Labels(test))),
            _ => ReadFolder(mlContext, arguments),
        };
        if (arguments.IsByClass)
            all = all.ByClass(mlContext);
        return all with { Train = First(all.Train, arguments.Train), Test = First(all.Test, arguments.Test) };

        string? Labels(string images) => arguments.IsByClass
            ? Find(arguments.Data, Path.GetFileName(images).Replace(".gz", "").Replace("images", "labels").Replace("idx3", "idx1"))
            : null;

        IDataView First(IDataView images, int? most) => most is { } count ? mlContext.Data.TakeRows(images, count) : images;
    }

    /// <summary>The column that holds the class as a condition.</summary>
    public const string ClassColumn = "Class";

    /// <summary>The same images with their classes as conditions.</summary>
    /// <exception cref="IOException">They have no labels.</exception>
    private ImageData ByClass(MLContext mlContext)
    {
        foreach (IDataView images in new[] { Train, Test })
        {
            if (images.Schema.GetColumnOrNull("Label") is null)
                throw new IOException($"The {Description} have no labels that would tell classes apart, which --by-class needs.");
        }
        ITransformer toNumbers = mlContext.Transforms.Conversion.MapKeyToVector(ClassColumn, "Label").Fit(Train);
        return new($"{Description} given their class", toNumbers.Transform(Train), toNumbers.Transform(Test));
    }

    /// <summary>A row for each class.</summary>
    public static IDataView Classes(MLContext mlContext, DataViewSchema schema)
    {
        int count = ((VectorDataViewType)schema[ClassColumn].Type).Size;
        var one = SchemaDefinition.Create(typeof(ClassRow));
        one[nameof(ClassRow.Class)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, count);
        return mlContext.Data.LoadFromEnumerable(
            Enumerable.Range(0, count).Select(i => new ClassRow { Class = [.. new float[i], 1, .. new float[count - i - 1]] }), one);
    }

    private static ImageData ReadFolder(MLContext mlContext, Arguments arguments)
    {
        (string folder, ImagePreset preset) = (arguments.Data, arguments.Preset.Images);
        string shape = $"image files, as {preset.Channels} x {preset.Height} x {preset.Width}";
        (string train, string test) = (Path.Combine(folder, "train"), Path.Combine(folder, "test"));
        if (Directory.Exists(train) && Directory.Exists(test))
            return new(shape, mlContext.Data.LoadImageFolder(train, preset), mlContext.Data.LoadImageFolder(test, preset));
        IDataView images = mlContext.Data.LoadImageFolder(folder, preset);
        DataOperationsCatalog.TrainTestData split = mlContext.Data.TrainTestSplit(images, TestFraction, seed: arguments.Seed);
        return new($"{shape}, a random {TestFraction:P0} of them to test", split.TrainSet, split.TestSet);
    }

    /// <summary>The first file of such a name, compressed or not.</summary>
    private static string? Find(string folder, params string[] names)
        => names.SelectMany(name => Directory.EnumerateFiles(folder, name).Concat(Directory.EnumerateFiles(folder, name + ".gz")))
            .Order(StringComparer.Ordinal).FirstOrDefault();

    private sealed class ClassRow
    {
        public float[] Class { get; set; } = [];
    }
}
