using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>Image files in folders, and how they are split into those to train on, to choose the best flow by and to test.</summary>
internal static class ImageFiles
{
    /// <summary>CelebA's list: a file's name and 0 to train, 1 to validate, 2 to test, in each line.</summary>
    public const string PartitionList = "list_eval_partition.txt";

    private const double TestFraction = 0.1; // of a folder that has no test images of its own

    /// <summary>Reads a folder: by CelebA's list where it is there, else by folders of its own for training and test.</summary>
    /// <exception cref="IOException">There are no images.</exception>
    /// <exception cref="InvalidDataException">The list is damaged, or names no file that is there.</exception>
    public static ImageData Read(MLContext mlContext, string folder, ImagePreset preset, int seed)
    {
        string shape = $"image files, as {preset.Channels} x {preset.Height} x {preset.Width}";
        if (FindList(folder) is { } list)
            return ByList(mlContext, folder, list, preset, shape);
        string Part(string name) => Path.Combine(folder, name);
        string? validation = new[] { Part("val"), Part("valid") }.FirstOrDefault(Directory.Exists);
        string? test = Directory.Exists(Part("test")) ? Part("test") : validation;
        if (Directory.Exists(Part("train")) && test is not null)
        {
            return new(shape, Load(Part("train")), Load(test)) { Validation = validation is null || validation == test ? null
                : Load(validation) };
        }
        DataOperationsCatalog.TrainTestData split = mlContext.Data.TrainTestSplit(Load(folder), TestFraction, seed: seed);
        return new($"{shape}, a random {TestFraction:P0} of them to test", split.TrainSet, split.TestSet);

        IDataView Load(string path) => mlContext.Data.LoadImageFolder(path, preset);
    }

    /// <summary>CelebA's list, in the folder, beside it or in Eval, where its archives put it.</summary>
    public static string? FindList(string folder)
        => new[] { "", "Eval", "..", "../Eval" }.Select(place => Path.GetFullPath(Path.Combine(folder, place, PartitionList)))
            .FirstOrDefault(File.Exists);

    private static ImageData ByList(MLContext mlContext, string folder, string list, ImagePreset preset, string shape)
    {
        var parts = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        foreach ((int i, string line) in File.ReadLines(list).Index())
        {
            string[] words = line.Split((char[])[' ', '\t', ','], StringSplitOptions.RemoveEmptyEntries);
            if (words is [])
                continue;
            if (words is not [var name, var number] || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int part)
                || part > 2)
            {
                throw new InvalidDataException($"'{list}' has the line {i + 1}: '{line}'. Expected: the name of a file and 0 (training), "
                    + "1 (validation) or 2 (test).");
            }
            parts[Path.GetFileNameWithoutExtension(name)] = part; // a PNG copy of the set has other endings
        }
        ILookup<int, FileRow> files = mlContext.Data.LoadImageFolder(folder, preset).GetColumn<string>(nameof(FileRow.ImagePath))
            .ToLookup(path => parts.GetValueOrDefault(Path.GetFileNameWithoutExtension(path), -1),
                path => new FileRow { ImagePath = path });
        if (!files[0].Any() || !files[2].Any())
        {
            throw new InvalidDataException($"'{list}' names {files[0].Count()} training images and {files[2].Count()} test images that are "
                + $"in '{folder}'. Expected: some of each.");
        }
        return new($"{shape}, split by {PartitionList}", Part(0), Part(2)) { Validation = files[1].Any() ? Part(1) : null };

        IDataView Part(int number)
        {
            IDataView rows = mlContext.Data.LoadFromEnumerable(files[number].ToArray());
            return mlContext.Transforms.LoadImageFeatures(preset).Fit(rows).Transform(rows);
        }
    }

    private sealed class FileRow
    {
        public string ImagePath { get; set; } = "";
    }
}
