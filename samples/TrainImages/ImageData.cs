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
    private const int MostValidation = 2000; // images that tell a mean over thousands of values well, and are held in memory

    /// <summary>Images that choose the best flow, where the data have some for that.</summary>
    public IDataView? Validation { get; init; }

    /// <summary>The preset of what is in a folder; CIFAR-10's where nothing tells.</summary>
    public static Preset PresetOf(string folder)
    {
        string name = !Directory.Exists(folder) || FindCifar10Test(folder) is not null ? "cifar10"
            : FindIdx(folder) is not null ? "small"
            : ImageFiles.FindList(folder) is not null ? "celeba" : "cifar10";
        return Preset.All.Single(preset => preset.Name == name);
    }

    /// <summary>Reads a folder: CIFAR-10 or IDX files where they are there, image files else.</summary>
    /// <exception cref="IOException">There are no images, or training images without test images.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static ImageData Read(MLContext mlContext, Arguments arguments)
    {
        if (!Directory.Exists(arguments.Data))
            throw new DirectoryNotFoundException($"There is no folder '{arguments.Data}'.");
        ImageData all = FindCifar10Test(arguments.Data) is { } test
            ? new("CIFAR-10", mlContext.Data.LoadCifar10(arguments.Data), mlContext.Data.LoadCifar10(test))
            : FindIdx(arguments.Data) is { } idx
            ? new("IDX images", mlContext.Data.LoadIdx(idx.Train, Labels(idx.Train)), mlContext.Data.LoadIdx(idx.Test, Labels(idx.Test)))
            : ImageFiles.Read(mlContext, arguments.Data, arguments.Preset.Images, arguments.Seed);
        if (arguments.IsByClass)
            all = all.ByClass(mlContext);
        return all with
        {
            Train = First(all.Train, arguments.Train),
            Test = First(all.Test, arguments.Test),
            Validation = arguments.HoldOut is null && all.Validation is { } own ? First(own, MostValidation) : null,
        };

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
        return this with { Description = $"{Description} given their class", Train = toNumbers.Transform(Train),
            Test = toNumbers.Transform(Test) };
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

    private static string? FindCifar10Test(string folder) => Find(folder, "test_batch.bin", "cifar10-test.bin");

    private static (string Train, string Test)? FindIdx(string folder)
        => Find(folder, "*train-images*") is { } train && Find(folder, "*t10k-images*", "*test-images*") is { } test ? (train, test) : null;

    /// <summary>The first file of such a name, compressed or not.</summary>
    private static string? Find(string folder, params string[] names)
        => names.SelectMany(name => Directory.EnumerateFiles(folder, name).Concat(Directory.EnumerateFiles(folder, name + ".gz")))
            .Order(StringComparer.Ordinal).FirstOrDefault();

    private sealed class ClassRow
    {
        public float[] Class { get; set; } = [];
    }
}
