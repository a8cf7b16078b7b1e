using System.IO.Compression;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Tests.Transforms.Images;

public sealed class IdxTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData(".gz")]
    public void Images_and_labels_come_through(string extension)
    {
        string images = Write("images" + extension, Images(3, 4, 5)),
            labels = Write("labels" + extension, [0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]);
        IDataView data = _ml.Data.LoadIdx(images, labels);
        Assert.Equal(3, data.GetRowCount());
        Assert.Equal("Vector<Single, 1, 4, 5>", data.Schema["Features"].Type.ToString());
        for (int again = 0; again < 2; again++)
            Assert.Equal(Enumerable.Range(0, 3)
                .Select(i => TemporaryFolder.Planar(1, 4, 5, (_, row, column) => TemporaryFolder.Noise(i, row, column))),
                data.GetColumn<float[]>("Features"));
        Assert.Equal([8u, 1, 10], data.GetColumn<uint>("Label"));
        Assert.Equal(["7", "0", "9"],
            _ml.Transforms.Conversion.MapKeyToValue("Label").Fit(data).Transform(data).GetColumn<string>("Label"));
        Assert.Equal(["Features"], _ml.Data.LoadIdx(images).Schema.Select(column => column.Name));
    }

    [Fact]
    public void Damaged_files_are_named()
    {
        byte[] images = Images(3, 4, 5);
        string good = Write("good", images);
        AssertDamaged(() => _ml.Data.LoadIdx(Write("short", images[..^1])), "short", "75 bytes", "3 images of 4 x 5: 76");
        AssertDamaged(() => _ml.Data.LoadIdx(Write("long", [.. images, 0])), "long", "77 bytes");
        AssertDamaged(() => Read(Write("short.gz", images[..^1])), "short.gz", "75 bytes decompressed");
        AssertDamaged(() => Read(Write("long.gz", [.. images, 0])), "long.gz", "more than 76 bytes");
        AssertDamaged(() => _ml.Data.LoadIdx(Write("labels", [0, 0, 8, 1, 0, 0, 0, 1, 7])), "00000801", "00000803");
        AssertDamaged(() => _ml.Data.LoadIdx(Write("empty", [])), "empty");
        AssertDamaged(() => _ml.Data.LoadIdx(Write("huge", [0, 0, 8, 3, 127, 255, 255, 255, 127, 255, 255, 255, 127, 255, 255, 255])),
            "2147483647");
        AssertDamaged(() => _ml.Data.LoadIdx(Write("none", [0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1])), "-1 items");
        AssertDamaged(() => _ml.Data.LoadIdx(good, Write("two", [0, 0, 8, 1, 0, 0, 0, 2, 7, 0])), "2 labels", "3");
        AssertDamaged(() => _ml.Data.LoadIdx(good, Write("few", [0, 0, 8, 1, 0, 0, 0, 3, 7, 0])), "holds 2 labels");
        Assert.Contains("nowhere", Assert.Throws<FileNotFoundException>(() => _ml.Data.LoadIdx(_folder.File("nowhere"))).Message);
    }

    [Fact]
    public void Published_mean_comes_out_of_mnist()
    {
        string folder = SharedImages.Require("mnist-train-images-idx3-ubyte.gz");
        IDataView data = _ml.Data.LoadIdx(Path.Combine(folder, "mnist-train-images-idx3-ubyte.gz"),
            Path.Combine(folder, "mnist-train-labels-idx1-ubyte.gz"));
        Assert.Equal(60_000, data.GetRowCount());
        double sum = 0;
        foreach (float[] features in data.GetColumn<float[]>("Features"))
            sum += features.Sum(level => (double)level);
        Assert.Equal(33.318421449829934, sum / (60_000 * 784), 1e-12);
        Assert.Equal([6u, 1, 5, 2, 10], data.GetColumn<uint>("Label").Take(5)); // 5 0 4 1 9
    }

    private void Read(string path) => _ = _ml.Data.LoadIdx(path).GetColumn<float[]>("Features").ToArray();

    private static void AssertDamaged(Action action, params string[] parts)
    {
        string message = Assert.Throws<InvalidDataException>(action).Message;
        Assert.All(parts, part => Assert.Contains(part, message));
    }

    private static byte[] Images(int count, int height, int width) =>
    [
        0, 0, 8, 3, 0, 0, 0, (byte)count, 0, 0, 0, (byte)height, 0, 0, 0, (byte)width,
        .. Enumerable.Range(0, count * height * width)
        .Select(i => TemporaryFolder.Noise(i / (height * width), i / width % height, i % width)),
    ];

    private string Write(string name, byte[] bytes)
    {
        string path = _folder.File(name);
        using Stream file = File.Create(path);
        using Stream stream = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write(bytes);
        return path;
    }
}
