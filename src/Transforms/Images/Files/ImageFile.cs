namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>A row of the data view of an image folder.</summary>
internal sealed class ImageFile
{
    private static readonly string[] _extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"];

    /// <summary>The file.</summary>
    public string ImagePath { get; init; } = "";

    /// <summary>
    /// The images of a folder and of the folders in it, in the ordinal order of their paths, which is the same on every platform.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">There is no image in it.</exception>
    public static ImageFile[] In(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder '{folder}' to load images from.");
        ImageFile[] files = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(file => _extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            .OrderBy(file => Path.GetRelativePath(folder, file).Replace('\\', '/'), StringComparer.Ordinal)
            .Select(file => new ImageFile { ImagePath = file })];
        return files.Length > 0
            ? files
            : throw new FileNotFoundException(
                $"There is no image in the folder '{folder}'. Expected: {string.Join(", ", _extensions)}.", folder);
    }
}
