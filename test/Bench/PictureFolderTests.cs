using System.Buffers.Binary;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Pictures;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Samples;
using RealNvp.ML.Tests.Transforms.Images;
using SkiaSharp;

namespace RealNvp.ML.Tests.Bench;

/// <summary>A folder as MVTec AD's archive unpacks into: categories of colour and of grey, and what lies beside the pictures.</summary>
public sealed class PictureFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Categories_of_colour_and_grey_are_read_with_their_masks()
    {
        Write(_folder.Root, "carpet", Texture.Weave, train: 3, test: 4, side: 600, isGrey: false);
        Write(_folder.Root, "screw", Texture.Grain, train: 3, test: 4, side: 600, isGrey: true);
        File.Delete(_folder.File("screw/ground_truth/stain/001_mask.png")); // nobody drew it
        PictureFolder[] categories = PictureFolder.Of(_folder.Root);
        Assert.Equal(["carpet", "screw"], categories.Select(category => category.Name));
        Assert.Equal("carpet", Assert.Single(PictureFolder.Of(_folder.File("carpet"))).Name);
        foreach (PictureFolder category in categories)
        {
            Assert.Equal(3, category.Train.Length); // no license, no file that a Mac has left
            Assert.Equal(["cut/003", "good/000", "good/002", "stain/001"], category.Test.Select(picture
                => Path.GetFileName(Path.GetDirectoryName(picture.Path)) + "/" + Path.GetFileNameWithoutExtension(picture.Path)));
            Assert.Equal([true, false, false, true], category.Test.Select(picture => picture.IsDefect));
            Assert.Equal([true, false, false, category.Name == "carpet"], category.Test.Select(picture => picture.Mask is not null));
        }

        // a defect is where the texture has it, whatever the size of the file
        bool[] mask = DefectMask.Read(categories[1].Test[0].Mask!);
        bool[] drawn = Textures.Load(Texture.Grain, train: 3, test: 4).Test[3].Mask;
        Assert.InRange(mask.Zip(drawn).Count(pixel => pixel.First != pixel.Second), 0, drawn.Count(pixel => pixel) / 5);
        Assert.InRange(mask.Count(pixel => pixel), 1, mask.Length / 4);

        // grey ones are read as such, in the four bytes of a pixel that all methods read
        using MLImage grey = MLImage.CreateFromFile(categories[1].Train[0]);
        Assert.Equal((600, 600), (grey.Width, grey.Height));
        byte[] pixels = grey.Pixels.ToArray();
        Assert.All(Enumerable.Range(0, 600), i => Assert.Single(pixels.AsSpan(4 * 601 * i, 3).ToArray().Distinct()));
        Assert.True(pixels.Distinct().Count() > 20);
    }

    [Fact]
    public void What_is_no_such_folder_says_why()
    {
        Says("no pictures in the layout of MVTec AD", _folder.Root);
        _folder.File("a/train/good/license.txt");
        Says("has 0 pictures in train/good", _folder.Root);
        Write(_folder.Root, "a", Texture.Weave, train: 2, test: 1, side: 32, isGrey: false);
        Says("test pictures of one kind or none", _folder.Root);

        static void Says(string words, string folder) => Assert.Contains(words,
            Assert.Throws<BenchmarkFailedException>(() => PictureFolder.Of(folder)).Message, StringComparison.Ordinal);
    }

    /// <summary>Writes a category in MVTec AD's layout.</summary>
    internal static void Write(string root, string category, Texture texture, int train, int test, int side, bool isGrey)
    {
        (TexturePicture[] good, TexturePicture[] judged) = Textures.Load(texture, train, test);
        string folder = Path.Combine(root, category);
        foreach (TexturePicture picture in good.Concat(judged))
        {
            Save(picture.Name, picture.Rgba, isGrey);
            if (picture.IsDefective)
            {
                Save(picture.Name.Replace("test/", "ground_truth/", StringComparison.Ordinal) + "_mask",
                    [.. picture.Mask.SelectMany(isDefect => isDefect ? new byte[] { 255, 255, 255, 255 } : [0, 0, 0, 255])], isGrey: true);
            }
        }
        foreach (string name in new[] { "license.txt", "readme.txt", "train/good/.DS_Store", "train/good/._000.png", "../license.txt" })
            File.WriteAllText(Path.Combine(folder, name), "no picture");

        void Save(string name, byte[] rgba, bool isGrey)
        {
            string path = Path.Combine(folder, name + ".png");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var drawn = SKImage.FromPixelCopy(new(Textures.Side, Textures.Side, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
            using var scaled = new SKBitmap(new SKImageInfo(side, side, isGrey ? SKColorType.Gray8 : SKColorType.Rgba8888,
                SKAlphaType.Opaque));
            using var smooth = new SKPaint { FilterQuality = SKFilterQuality.Medium };
            using (var canvas = new SKCanvas(scaled))
                canvas.DrawImage(drawn, SKRect.Create(side, side), smooth);
            using SKData png = scaled.Encode(SKEncodedImageFormat.Png, 100);
            byte[] file = png.ToArray();
            Assert.Equal((side, isGrey ? 0 : 2), (BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)), file[25])); // grey, or RGB
            File.WriteAllBytes(path, file);
        }
    }
}
