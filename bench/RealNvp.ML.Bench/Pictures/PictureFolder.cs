using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>
/// Pictures in the layout of MVTec AD: <c>train/good</c>, <c>test/KIND</c>, and for each picture of a defect
/// <c>ground_truth/KIND/NAME_mask.png</c> with the defect in white.
/// </summary>
/// <param name="Name">The category.</param>
/// <param name="Train">Good pictures to train on.</param>
/// <param name="Test">Pictures to judge.</param>
internal sealed record PictureFolder(string Name, string[] Train, PictureFolder.Judged[] Test)
{
    /// <summary>A picture to judge.</summary>
    /// <param name="Path">Its file.</param>
    /// <param name="IsDefect">Whether it shows a defect.</param>
    /// <param name="Mask">The file with the defect in white; null where there is none.</param>
    public sealed record Judged(string Path, bool IsDefect, string? Mask);

    /// <summary>The categories of a folder: those in it, or itself.</summary>
    /// <exception cref="BenchmarkFailedException">There are none.</exception>
    public static PictureFolder[] Of(string folder)
    {
        string[] places = IsCategory(folder) ? [folder]
            : Directory.Exists(folder) ? [.. Directory.GetDirectories(folder).Where(IsCategory).Order(StringComparer.Ordinal)] : [];
        return places.Length > 0 ? Array.ConvertAll(places, Read) : throw new BenchmarkFailedException(
            $"{folder} has no pictures in the layout of MVTec AD: train/good and test, or folders with these.");
    }

    private static bool IsCategory(string folder) => Directory.Exists(Path.Combine(folder, "train", "good"));

    private static PictureFolder Read(string folder)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        string[] train = Pictures(Path.Combine(folder, "train", "good"));
        Judged[] test = [.. Pictures(Path.Combine(folder, "test")).Select(path =>
        {
            string kind = Path.GetFileName(Path.GetDirectoryName(path)!);
            return new Judged(path, kind != "good", kind == "good" ? null : Mask(folder, kind, Path.GetFileNameWithoutExtension(path)));
        })];
        if (train.Length < 2)
            throw new BenchmarkFailedException($"{folder} has {train.Length} pictures in train/good, expected some to train on.");
        if (!test.Any(picture => picture.IsDefect) || test.All(picture => picture.IsDefect))
            throw new BenchmarkFailedException($"{folder} has test pictures of one kind or none, expected test/good and others.");
        return new(name, train, test);
    }

    /// <summary>The mask of a picture; sets that were brought into the layout may lack the ending.</summary>
    private static string? Mask(string folder, string kind, string picture) => new[] { "_mask.png", ".png" }
        .Select(ending => Path.Combine(folder, "ground_truth", kind, picture + ending)).FirstOrDefault(File.Exists);

    /// <summary>The pictures of a folder; what else lies there, as license.txt or what a Mac has left, is passed over.</summary>
    private static string[] Pictures(string folder) => !Directory.Exists(folder) ? []
        : [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetExtension(path).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg" or ".webp" or ".bmp" or ".gif"
                && !Path.GetFileName(path).StartsWith('.'))
            .Order(StringComparer.Ordinal)];
}
