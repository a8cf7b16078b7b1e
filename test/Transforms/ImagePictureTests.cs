using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Exports;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Grids, manifolds and reconstructions, as files that are read back pixel by pixel.</summary>
public sealed class ImagePictureTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = ImageFlows.Random(3, 4, 6, 256, 1);
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(3, 4)]
    public void A_grid_holds_every_image_where_it_belongs(int margin, int magnification)
    {
        var random = new Random(2);
        const int Height = 3, Width = 2, Count = 5, Columns = 3;
        byte[][] pixels = [.. Enumerable.Range(0, Count).Select(_ => Enumerable.Range(0, 4 * Height * Width)
            .Select(i => i % 4 == 3 ? (byte)255 : (byte)random.Next(256)).ToArray())];
        // every other one in the other order of colours
        MLImage[] images = [.. pixels.Select((image, i)
            => MLImage.CreateFromPixels(Width, Height, i % 2 == 0 ? MLPixelFormat.Rgba32 : MLPixelFormat.Bgra32, image))];
        using MLImage grid = ImageGrid.Compose(images, Columns, margin, magnification);
        Color[,] found = SaveAndRead(grid, "grid.png");
        int stepY = Height * magnification + margin, stepX = Width * magnification + margin;
        Assert.Equal((2 * stepY + margin, Columns * stepX + margin), (found.GetLength(0), found.GetLength(1)));
        for (int y = 0; y < found.GetLength(0); y++)
        {
            for (int x = 0; x < found.GetLength(1); x++)
            {
                int row = (y - margin) / stepY, column = (x - margin) / stepX, inY = (y - margin) % stepY, inX = (x - margin) % stepX,
                    number = Columns * row + column;
                Color expected = new(255, 255, 255);
                if (y >= margin && x >= margin && inY < Height * magnification && inX < Width * magnification && number < Count)
                {
                    byte[] image = pixels[number];
                    int at = 4 * (inY / magnification * Width + inX / magnification);
                    expected = number % 2 == 0 ? new(image[at], image[at + 1], image[at + 2])
                        : new(image[at + 2], image[at + 1], image[at]);
                }
                Assert.Equal(expected, found[y, x]);
            }
        }
    }

    [Fact]
    public void Grids_refuse_what_they_cannot_lay_out()
    {
        MLImage small = MLImage.CreateFromPixels(1, 2, MLPixelFormat.Rgba32, new byte[8]),
            other = MLImage.CreateFromPixels(2, 2, MLPixelFormat.Rgba32, new byte[16]);
        string Message(Action action) => Assert.Throws<ArgumentException>(action).Message;
        Assert.Contains("Image 1 is 2 x 2 pixels, the ones before it are 1 x 2", Message(() => ImageGrid.Compose([small, other], 2)),
            StringComparison.Ordinal);
        Assert.Contains("no image", Message(() => ImageGrid.Compose([], 2)), StringComparison.Ordinal);
        Assert.Contains("40002 x 80002", Message(() => ImageGrid.Compose([small], 2, 1, 40_000)), StringComparison.Ordinal);
        Assert.Contains("'grid.jpg'", Message(() => small.SavePng("grid.jpg")), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageGrid.Compose([small], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageGrid.Compose([small], 1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageGrid.Compose([small], 1, 1, 0));
        Assert.Throws<DirectoryNotFoundException>(() => small.SavePng(Path.Combine(_folder, "missing", "grid.png")));
    }

    [Fact]
    public void A_file_is_replaced_and_nothing_is_left_beside_it()
    {
        string path = Path.Combine(_folder, "grid.png");
        File.WriteAllText(path, "old");
        using MLImage image = MLImage.CreateFromPixels(1, 1, MLPixelFormat.Rgba32, (byte[])[1, 2, 3, 255]);
        image.SavePng(path);
        Assert.Equal([0x89, .. "PNG"u8], File.ReadAllBytes(path)[..4]);
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_sample_grid_holds_the_samples()
    {
        using RealNvpTransformer flow = new(_ml, _model);
        using MLImage grid = flow.SampleGrid(2, 3, seed: 5, temperature: 0.8f, margin: 2, magnification: 2);
        Color[,] found = SaveAndRead(grid, "samples.png");
        float[][] rows = [.. flow.Sample(6, seed: 5, temperature: 0.8f).GetColumn<float[]>("Features")];
        for (int i = 0; i < rows.Length; i++)
            AssertCell(rows[i], found, i / 3, i % 3, margin: 2, magnification: 2);
    }

    [Fact]
    public void A_manifold_has_the_images_in_its_corners_and_the_formula_between()
    {
        const int Side = 5;
        float[][] rows = ImageFlows.Rows(_model, 6);
        using RealNvpTransformer flow = new(_ml, _model);
        using MLImage picture = flow.Manifold(ImageRow.View(_ml, _model, rows), Side, margin: 1, magnification: 1);
        Color[,] found = SaveAndRead(picture, "manifold.png");
        AssertCell(rows[0], found, 0, 0);
        AssertCell(rows[1], found, 0, Side - 1);
        AssertCell(rows[2], found, Side - 1, 0);
        AssertCell(rows[3], found, Side - 1, Side - 1);
        // phi = pi/8, phi' = 3 pi/8, from the double-precision flow; single pixels may lie at the edge of a bin
        double[][] z = [.. rows[..4].Select(row => ReferenceFlow.Latent(_model, row))];
        double phi = Math.PI / 8, phi2 = 3 * Math.PI / 8;
        float[] latent = [.. z[0].Select((_, i)
            => (float)(Math.Cos(phi) * (Math.Cos(phi2) * z[0][i] + Math.Sin(phi2) * z[1][i])
            + Math.Sin(phi) * (Math.Cos(phi2) * z[2][i] + Math.Sin(phi2) * z[3][i])))];
        AssertCell([.. ReferenceFlow.Sample(_model, latent).Select(value => (float)value)], found, 1, 3, tolerance: 1);
    }

    [Fact]
    public void Points_between_orthogonal_latents_have_their_length()
    {
        const int Size = 4096;
        var corners = new float[4 * Size];
        for (int i = 0; i < 4; i++)
            new GaussianNoise(1).Fill(i, corners.AsSpan(i * Size, Size));
        float[] points = LatentManifold.Interpolate(corners, 4);
        for (int point = 0; point < 16; point++)
            // 5 standard errors and what is left of the products
            Assert.Equal(1, points.AsSpan(point * Size, Size).ToArray().Sum(value => (double)value * value) / Size, 0.1);
        float[] units = LatentManifold.Interpolate([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], 7);
        for (int point = 0; point < 49; point++)
            Assert.Equal(1, units.AsSpan(4 * point, 4).ToArray().Sum(value => value * value), 1e-6);
    }

    [Fact]
    public void Reconstructions_stand_beside_their_images()
    {
        float[][] rows = ImageFlows.Rows(_model, 6);
        rows[4] = Array.ConvertAll(rows[4], value => value + 0.3f); // what comes back is the value, not its level's centre
        using RealNvpTransformer flow = new(_ml, _model);
        using MLImage picture = flow.Reconstructions(ImageRow.View(_ml, _model, rows), count: 5, pairsPerRow: 2);
        Color[,] found = SaveAndRead(picture, "pairs.png");
        Assert.Equal((3 * (4 + 1) + 1, 4 * (6 + 1) + 1), (found.GetLength(0), found.GetLength(1)));
        for (int i = 0; i < 5; i++)
        {
            AssertCell(rows[i], found, i / 2, 2 * (i % 2));
            AssertCell(rows[i], found, i / 2, 2 * (i % 2) + 1);
        }
    }

    [Fact]
    public void Pictures_refuse_what_they_cannot_show()
    {
        using RealNvpTransformer flow = new(_ml, _model), mixture = new(_ml, ImageFlows.Mixture()), vectors = new(_ml, Flows.Random());
        float[][] rows = ImageFlows.Rows(_model, 3);
        IDataView few = ImageRow.View(_ml, _model, rows),
            broken = ImageRow.View(_ml, _model, [rows[0], [.. rows[1][1..], float.NaN], rows[2], rows[0]]);
        Assert.Contains("3 rows in the view, expected 4", Assert.Throws<ArgumentException>(() => flow.Manifold(few)).Message,
            StringComparison.Ordinal);
        Assert.Contains("Row 1 of the column 'Features'", Assert.Throws<ArgumentException>(() => flow.Manifold(broken)).Message,
            StringComparison.Ordinal);
        Assert.Contains("3 rows in the view, expected 5", Assert.Throws<ArgumentException>(() => flow.Reconstructions(few, 5)).Message,
            StringComparison.Ordinal);
        Assert.Contains("mixture of 2 flows", Assert.Throws<InvalidOperationException>(() => mixture.Manifold(few)).Message,
            StringComparison.Ordinal);
        Assert.Contains("not over images", Assert.Throws<InvalidOperationException>(() => vectors.Reconstructions(few)).Message,
            StringComparison.Ordinal);
        Assert.Contains("not over images", Assert.Throws<InvalidOperationException>(() => vectors.SampleGrid(1, 1)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.Manifold(few, side: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.Manifold(ImageRow.View(_ml, ImageFlows.Random(), [new float[16]])));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.Reconstructions(few, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.SampleGrid(0, 1));
        using MLImage grid = mixture.SampleGrid(1, 2); // samples need no latent
    }

    private sealed record Color(int Red, int Green, int Blue);

    /// <summary>Requires the levels of a colour image of 256 levels of width 1, 4 x 6, in one cell of a picture.</summary>
    private static void AssertCell(float[] row, Color[,] picture, int cellRow, int cellColumn, int margin = 1, int magnification = 1,
        int tolerance = 0)
    {
        for (int y = 0; y < 4 * magnification; y++)
        {
            for (int x = 0; x < 6 * magnification; x++)
            {
                int at = y / magnification * 6 + x / magnification;
                Color found = picture[margin + cellRow * (4 * magnification + margin) + y,
                    margin + cellColumn * (6 * magnification + margin) + x];
                foreach ((int channel, int value) in ((int, int)[])[(0, found.Red), (1, found.Green), (2, found.Blue)])
                    Assert.InRange(value - Math.Clamp(Math.Floor(row[24 * channel + at] + 0.5), 0, 255), -tolerance, tolerance);
            }
        }
    }

    private Color[,] SaveAndRead(MLImage image, string name)
    {
        string path = Path.Combine(_folder, name);
        image.SavePng(path);
        using MLImage read = MLImage.CreateFromFile(path);
        bool redFirst = read.PixelFormat == MLPixelFormat.Rgba32;
        var pixels = new Color[read.Height, read.Width];
        for (int i = 0; i < read.Height * read.Width; i++)
        {
            ReadOnlySpan<byte> pixel = read.Pixels.Slice(4 * i, 4);
            Assert.Equal(255, pixel[3]);
            pixels[i / read.Width, i % read.Width] = new(pixel[redFirst ? 0 : 2], pixel[1], pixel[redFirst ? 2 : 0]);
        }
        return pixels;
    }
}
