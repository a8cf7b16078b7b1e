using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms;
using SkiaSharp;

namespace RealNvp.ML.Tests.Transforms.Images;

public sealed class ImageFolderTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Images_come_in_order_and_pixel_by_pixel()
    {
        _folder.Image("b.png", 6, 5, TemporaryFolder.Noise);
        _folder.Image("B.PNG.png", 6, 5, (channel, row, column) => TemporaryFolder.Noise(channel, row + 50, column));
        _folder.Image(Path.Combine("a", "z.png"), 6, 5, (channel, row, column) => TemporaryFolder.Noise(channel, row + 100, column));
        File.WriteAllText(_folder.File("readme.txt"), "no image");
        IDataView data = _ml.Data.LoadImageFolder(_folder.Root, 6, 5);
        Assert.Equal(3, data.GetRowCount());
        Assert.Equal(["ImagePath", "Features"], data.Schema.Select(column => column.Name));
        Assert.Equal("Vector<Single, 3, 6, 5>", data.Schema["Features"].Type.ToString());
        Assert.Equal(["B.PNG.png", "a/z.png", "b.png"],
            data.GetColumn<string>("ImagePath").Select(path => Path.GetRelativePath(_folder.Root, path).Replace('\\', '/')));
        float[][] features = [.. data.GetColumn<float[]>("Features")];
        Assert.Equal(TemporaryFolder.Planar(3, 6, 5, TemporaryFolder.Noise, top: 50), features[0]);
        Assert.Equal(TemporaryFolder.Planar(3, 6, 5, TemporaryFolder.Noise, top: 100), features[1]);
        Assert.Equal(TemporaryFolder.Planar(3, 6, 5, TemporaryFolder.Noise), features[2]);
    }

    [Fact]
    public void Grey_levels_come_through_unchanged()
    {
        byte Level(int channel, int row, int column) => (byte)(16 * row + column);
        _folder.Image("grey.png", 16, 16, Level);
        IDataView data = _ml.Data.LoadImageFolder(_folder.Root, 16, 16, grayscale: true);
        Assert.Equal("Vector<Single, 1, 16, 16>", data.Schema["Features"].Type.ToString());
        Assert.Equal(TemporaryFolder.Planar(1, 16, 16, Level), data.GetColumn<float[]>("Features").Single());
    }

    [Fact]
    public void Png_of_one_grey_channel_reads()
    {
        // 2 x 2, 8 bits, colour type 0: 0 80 / 160 255
        File.WriteAllBytes(_folder.File("tiny.png"),
            Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNgCGBY8B8AA4UB8Nm1qigAAAAASUVORK5CYII="));
        Assert.Equal([0f, 80, 160, 255],
            _ml.Data.LoadImageFolder(_folder.Root, 2, 2, grayscale: true).GetColumn<float[]>("Features").Single());
    }

    [Fact]
    public void Gif_and_webp_read_as_they_are()
    {
        // 2 x 2 in four greys; a clear code before every second pixel keeps LZW's codes at three bits
        File.WriteAllBytes(_folder.File("a.gif"), [.. "GIF89a"u8, 2, 0, 2, 0, 0x91, 0, 0, 0, 0, 0, 80, 80, 80, 160, 160, 160, 255, 255, 255,
            0x2C, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2, 3, 0x44, 0xA8, 0x15, 0, 0x3B]);
        byte[] levels = [0, 80, 160, 255];
        using (var bitmap = new SKBitmap(2, 2))
        {
            for (int i = 0; i < levels.Length; i++)
                bitmap.SetPixel(i % 2, i / 2, new SKColor(levels[i], levels[i], levels[i]));
            using SKPixmap pixels = bitmap.PeekPixels();
            using SKData data = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100));
            File.WriteAllBytes(_folder.File("b.WEBP"), data.ToArray());
        }
        float[][] found = [.. _ml.Data.LoadImageFolder(_folder.Root, 2, 2, grayscale: true).GetColumn<float[]>("Features")];
        Assert.Equal(2, found.Length);
        Assert.All(found, pixels => Assert.Equal([0f, 80, 160, 255], pixels));
        File.WriteAllBytes(_folder.File("c.gif"), File.ReadAllBytes(_folder.File("a.gif"))[..20]);
        Assert.Contains("c.gif' in row 2 cannot be read", Assert.Throws<InvalidDataException>(()
            => _ml.Data.LoadImageFolder(_folder.Root, 2, 2).GetColumn<float[]>("Features").ToArray()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CelebA_preset_takes_the_published_rectangle()
    {
        _folder.Image("face.png", 218, 178, TemporaryFolder.Noise);
        IDataView data = _ml.Data.LoadImageFolder(_folder.Root, ImagePreset.CelebA with { Height = 148, Width = 148 });
        Assert.Equal(TemporaryFolder.Planar(3, 148, 148, TemporaryFolder.Noise, top: 40, left: 15),
            data.GetColumn<float[]>("Features").Single());
        Assert.Equal("Vector<Single, 3, 64, 64>",
            _ml.Data.LoadImageFolder(_folder.Root, ImagePreset.CelebA).Schema["Features"].Type.ToString());
    }

    [Fact]
    public void Missing_or_empty_folder_is_named()
    {
        Assert.Contains("nowhere", Assert.Throws<DirectoryNotFoundException>(()
            => _ml.Data.LoadImageFolder(_folder.File("nowhere"), 8, 8)).Message);
        Assert.Contains(_folder.Root, Assert.Throws<FileNotFoundException>(() => _ml.Data.LoadImageFolder(_folder.Root, 8, 8)).Message);
    }

    [Fact]
    public void Unreadable_image_is_named()
    {
        _folder.Image("a.png", 8, 8, TemporaryFolder.Noise);
        File.WriteAllText(_folder.File("b.png"), "no image at all");
        IDataView data = _ml.Data.LoadImageFolder(_folder.Root, 8, 8);
        string message = Assert.Throws<InvalidDataException>(() => data.GetColumn<float[]>("Features").ToArray()).Message;
        Assert.Contains("b.png' in row 1 cannot be read", message);
        Assert.Equal(2, data.GetColumn<string>("ImagePath").Count()); // what does not need the images still reads
    }

    [Theory, InlineData(".png"), InlineData(".jpg")]
    public void File_that_ends_early_or_is_damaged_is_named(string extension)
    {
        string whole = _folder.Image("a" + extension, 64, 64, (channel, row, column)
            => (byte)(row < 60 ? 128 + TemporaryFolder.Noise(channel, row, column) / 2 : 0));
        byte[] content = File.ReadAllBytes(whole);
        string[] Read() => [.. _ml.Data.LoadImageFolder(_folder.Root, 8, 8).GetColumn<float[]>("Features")
            .Select(values => $"{values.Average():F0}")];
        Assert.Single(Read()); // an image may end black
        string broken = _folder.File("b" + extension);
        foreach (int length in new[] { content.Length / 2, content.Length * 3 / 4 })
        {
            File.WriteAllBytes(broken, content[..length]);
            string message = Assert.Throws<InvalidDataException>(Read).Message;
            Assert.Contains($"b{extension}' in row 1 cannot be read", message, StringComparison.Ordinal);
        }
        if (extension == ".png") // whose data have a checksum
        {
            byte[] damaged = [.. content];
            damaged[content.Length / 2] ^= 0x55;
            File.WriteAllBytes(broken, damaged);
            Assert.Contains("b.png' in row 1 cannot be read", Assert.Throws<InvalidDataException>(Read).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Image_smaller_than_the_rectangle_is_named_with_both_sizes()
    {
        _folder.Image("small.png", 188, 162, TemporaryFolder.Noise);
        string message = Assert.Throws<InvalidDataException>(()
            => _ml.Data.LoadImageFolder(_folder.Root, ImagePreset.CelebA).GetColumn<float[]>("Features").ToArray()).Message;
        Assert.Contains("small.png' in row 0 has 188 rows and 162 columns", message);
        Assert.Contains("at least 188 rows and 163 columns", message);
    }

    [Fact]
    public void Channels_are_three_or_one() => Assert.Contains("2 channels",
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.LoadImageFeatures(new ImagePreset(2, 8, 8))).Message);
}
