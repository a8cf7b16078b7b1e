using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Samples;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>Generated pictures as files, in the layout of MVTec AD, until it is disposed.</summary>
internal sealed class GeneratedPictures : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realnvp-textures-").FullName;

    /// <summary>Writes them.</summary>
    public GeneratedPictures(Texture texture)
    {
        (TexturePicture[] train, TexturePicture[] test) = Textures.Load(texture, train: 100);
        Category = Path.Combine(_folder, texture.ToString().ToLowerInvariant());
        foreach (TexturePicture picture in train.Concat(test))
        {
            Save(picture.Image, picture.Name);
            if (picture.IsDefective)
            {
                byte[] mask = [.. picture.Mask.SelectMany(Pixel)];
                Save(MLImage.CreateFromPixels(Textures.Side, Textures.Side, MLPixelFormat.Rgba32, mask),
                    picture.Name.Replace("test/", "ground_truth/", StringComparison.Ordinal) + "_mask");
            }
        }
    }

    /// <summary>The folder that has them.</summary>
    public string Category { get; }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Pixel(bool isDefect) => isDefect ? [255, 255, 255, 255] : [0, 0, 0, 255];

    private void Save(MLImage image, string name)
    {
        string path = Path.Combine(Category, name + ".png");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using (image)
            image.SavePng(path);
    }
}
