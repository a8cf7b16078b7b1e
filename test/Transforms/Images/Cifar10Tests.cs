using System.IO.Compression;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Transforms.Images;

public sealed class Cifar10Tests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("data_batch_1.bin", "data_batch_2.bin")]
    [InlineData("data_batch_1.bin.gz", "data_batch_2.bin.gz")]
    [InlineData("cifar10-train-1.bin", "cifar10-train-2.bin.gz")]
    public void Records_of_a_folder_come_through(string first, string second)
    {
        Write(second, 5, 4);
        Write(first, 0, 5);
        Write("test_batch.bin", 20, 1);
        IDataView data = _ml.Data.LoadCifar10(_folder.Root);
        Assert.Equal(second.EndsWith(".gz", StringComparison.Ordinal) ? null : 9, data.GetRowCount());
        Assert.Equal("Vector<Single, 3, 32, 32>", data.Schema["Features"].Type.ToString());
        Assert.Equal(10ul, Assert.IsType<KeyDataViewType>(data.Schema["Label"].Type).Count);
        for (int again = 0; again < 2; again++)
        {
            float[][] features = [.. data.GetColumn<float[]>("Features")];
            Assert.Equal(9, features.Length);
            for (int i = 0; i < 9; i++)
                Assert.Equal(Record(i)[1..].Select(level => (float)level), features[i]);
        }
        Assert.Equal(Enumerable.Range(0, 9).Select(i => (uint)i + 1), data.GetColumn<uint>("Label"));
        IDataView named = _ml.Transforms.Conversion.MapKeyToValue("Label").Fit(data).Transform(data);
        Assert.Equal(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship"], named.GetColumn<string>("Label"));
        Assert.Equal([1u], _ml.Data.LoadCifar10(_folder.File("test_batch.bin")).GetColumn<uint>("Label"));
    }

    [Fact]
    public void Cursors_side_by_side_do_not_mix()
    {
        Write("test_batch.bin", 0, 6);
        IDataView data = _ml.Data.LoadCifar10(_folder.File("test_batch.bin"));
        foreach ((uint first, uint second) in data.GetColumn<uint>("Label").Zip(data.GetColumn<uint>("Label").Skip(2)))
            Assert.Equal(first + 2, second);
    }

    [Fact]
    public void Damaged_files_are_named_with_both_sizes()
    {
        string path = _folder.File("test_batch.bin");
        File.WriteAllBytes(path, [.. Record(0), .. Record(1)[..3000]]);
        AssertDamaged(Assert.Throws<InvalidDataException>(() => _ml.Data.LoadCifar10(path)), "test_batch.bin", "6073 bytes", "3073");
        string compressed = _folder.File("test_batch.bin.gz");
        Compress(compressed, File.ReadAllBytes(path));
        AssertDamaged(Assert.Throws<InvalidDataException>(() => Read(compressed)), "test_batch.bin.gz", "6073 bytes", "3073");
        byte[] bytes = File.ReadAllBytes(compressed);
        File.WriteAllBytes(compressed, bytes[..(bytes.Length / 2)]);
        AssertDamaged(Assert.Throws<InvalidDataException>(() => Read(compressed)), "test_batch.bin.gz");
        File.WriteAllBytes(compressed, Record(0));
        AssertDamaged(Assert.Throws<InvalidDataException>(() => Read(compressed)), "test_batch.bin.gz", "gzip");
        File.WriteAllBytes(path, []);
        AssertDamaged(Assert.Throws<InvalidDataException>(() => _ml.Data.LoadCifar10(path)), "0 bytes");
        File.WriteAllBytes(path, [.. Record(0), 10, .. Record(0)[1..]]);
        AssertDamaged(Assert.Throws<InvalidDataException>(() => Read(path)), "record 1", "label 10");
    }

    [Fact]
    public void Missing_files_are_named()
    {
        Assert.Contains("none.bin", Assert.Throws<FileNotFoundException>(() => _ml.Data.LoadCifar10(_folder.File("none.bin"))).Message);
        Assert.Contains(_folder.Root, Assert.Throws<FileNotFoundException>(() => _ml.Data.LoadCifar10(_folder.Root)).Message);
        Assert.Throws<ArgumentException>(() => _ml.Data.LoadCifar10());
    }

    [Fact]
    public void Published_channel_means_come_out_of_the_files()
    {
        string folder = SharedImages.Require("cifar10-train-3.bin.gz");
        string[] parts = [.. Enumerable.Range(1, 5).Select(part => Path.Combine(folder, $"cifar10-train-{part}.bin.gz"))
            .Where(File.Exists)];
        long[] sums = new long[3];
        int rows = 0;
        foreach (float[] features in _ml.Data.LoadCifar10(parts).GetColumn<float[]>("Features"))
        {
            rows++;
            for (int i = 0; i < features.Length; i++)
                sums[i / 1024] += (long)features[i];
        }
        Assert.Equal(10_000 * parts.Length, rows);
        // the constants are of 50,000 images; image means spread by some 30 levels, so those of 30,000 images lie within about 0.2
        double tolerance = parts.Length == 5 ? 1e-5 : 0.5;
        foreach ((double expected, long sum) in new[] { 125.30691805, 122.95039414, 113.86538318 }.Zip(sums))
            Assert.Equal(expected, sum / (1024.0 * rows), tolerance);
    }

    private static byte[] Record(int i) => [(byte)(i % 10), .. Enumerable.Range(0, 3072).Select(j => TemporaryFolder.Noise(i, j, 7))];

    private void Write(string name, int first, int count)
    {
        byte[] bytes = [.. Enumerable.Range(first, count).SelectMany(Record)];
        if (name.EndsWith(".gz", StringComparison.Ordinal))
            Compress(_folder.File(name), bytes);
        else
            File.WriteAllBytes(_folder.File(name), bytes);
    }

    private static void Compress(string path, byte[] bytes)
    {
        using var stream = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        stream.Write(bytes);
    }

    private void Read(string path) => _ = _ml.Data.LoadCifar10(path).GetColumn<uint>("Label").ToArray();

    private static void AssertDamaged(InvalidDataException error, params string[] parts)
        => Assert.All(parts, part => Assert.Contains(part, error.Message));
}

/// <summary>Image data beside the checkout, where it is there.</summary>
internal static class SharedImages
{
    /// <summary>The folder; the test is skipped where it lacks the file.</summary>
    public static string Require(string file)
    {
        string folder = Path.Combine(Repository.Root, "..", "shared", "data", "images");
        Assert.SkipUnless(File.Exists(Path.Combine(folder, file)), $"There is no {file} in ../shared/data/images.");
        return folder;
    }
}
