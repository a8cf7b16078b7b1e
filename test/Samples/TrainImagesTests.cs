using System.Globalization;
using System.Text.RegularExpressions;
using RealNvp.ML.Tests.Transforms.Images;
using SkiaSharp;

namespace RealNvp.ML.Tests.Samples;

/// <summary>samples/TrainImages from end to end on made-up data with the narrowest nets: what it reads, prints and leaves.</summary>
public sealed class TrainImagesTests : IDisposable
{
    private static readonly string[] s_narrow = ["--width", "2", "--blocks", "1", "--threads", "1", "--batch", "8"];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Cifar10_trains_says_how_good_it_is_and_goes_on()
    {
        string data = Path.GetDirectoryName(_folder.File("data/data_batch_1.bin"))!, results = _folder.File("out");
        WriteCifar10(Path.Combine(data, "data_batch_1.bin"), 40, seed: 1);
        WriteCifar10(Path.Combine(data, "test_batch.bin"), 12, seed: 2);
        string[] command = ["--data", data, "--preset", "cifar10", "--steps", "3", "--test", "10", "--out", results, .. s_narrow];
        var (exitCode, output, error) = Sample.TrainImages.Run(command);
        Assert.True(exitCode == 0, output + error);

        Assert.Contains("training the flow 'cifar10' on CIFAR-10;", output, StringComparison.Ordinal);
        // one line each
        Assert.Equal(3, Regex.Count(output,
            @"^epoch +\d+\.\d/\d+\.\d  after \d+:\d\d  bits/dim \d\.\d{3}  validation \d\.\d{3}  \d+:\d\d left\r?$",
            RegexOptions.Multiline));
        Match result = Regex.Match(output, @"10 test images, which training has not seen: (\S+) \+- (\S+) bits per dimension");
        Assert.InRange(double.Parse(result.Groups[1].Value, CultureInfo.InvariantCulture), 6, 10); // of a fresh flow
        Assert.Contains("Nets of 2 maps and 1 residual block, where the preset has 64 and 8.", output, StringComparison.Ordinal);
        Assert.Contains("3.49 on CIFAR-10", output, StringComparison.Ordinal);
        Assert.Contains("3.98, 3.76, 3.74 and 3.70", output, StringComparison.Ordinal);
        foreach (string picture in new[] { "samples.png", "reconstructions.png", "manifold.png" })
        {
            using SKBitmap bitmap = SKBitmap.Decode(Path.Combine(results, picture));
            Assert.True(bitmap.Pixels.Distinct().Count() > 5, $"{picture} shows nothing");
        }
        Assert.All(["model.zip", "sampler.onnx"], name => Assert.NotEqual(0, new FileInfo(Path.Combine(results, name)).Length));

        // the run is over: the same command only says again what came of it, another one is refused
        (exitCode, string again, error) = Sample.TrainImages.Run(command);
        Assert.True(exitCode == 0, again + error);
        Assert.Equal(result.Value, Regex.Match(again, Regex.Escape(result.Value)).Value);
        Assert.DoesNotContain("epoch ", again[..again.IndexOf("test images", StringComparison.Ordinal)], StringComparison.Ordinal);
        (exitCode, _, error) = Sample.TrainImages.Run([.. command, "--seed", "2"]);
        Assert.Equal(1, exitCode);
        Assert.Contains("The checkpoint is of another run", error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_best_flow_is_kept_when_the_time_is_up_and_the_same_command_goes_on()
    {
        string data = Path.GetDirectoryName(_folder.File("data/data_batch_1.bin"))!, results = _folder.File("out");
        WriteCifar10(Path.Combine(data, "data_batch_1.bin"), 40, seed: 1);
        WriteCifar10(Path.Combine(data, "test_batch.bin"), 12, seed: 2);
        string[] command = ["--data", data, "--minutes", "0.1", "--steps", "1000000", "--out", results, .. s_narrow];
        int first = Steps(), second = Steps();
        Assert.InRange(first, 1, 900_000);
        Assert.InRange(second, first + 1, 900_000);
        Assert.True(File.Exists(Path.Combine(results, "samples.png")));

        int Steps()
        {
            var (exitCode, output, error) = Sample.TrainImages.Run(command);
            Assert.True(exitCode == 0, output + error);
            Assert.Contains("12 test images, which training has not seen", output, StringComparison.Ordinal);
            return int.Parse(Regex.Match(output, @"(\d+) steps of 8 images").Groups[1].Value, CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public void Idx_images_given_their_class_are_drawn_by_class()
    {
        string[] command = ["--data", WriteIdx(), "--by-class", "--steps", "2", "--out", _folder.File("out"), .. s_narrow];
        var (exitCode, output, error) = Sample.TrainImages.Run(command);
        Assert.True(exitCode == 0, output + error);
        Assert.Contains("training the flow 'small' on IDX images given their class;", output, StringComparison.Ordinal); // as they are
        using (SKBitmap bitmap = SKBitmap.Decode(_folder.File("out/classes.png")))
            Assert.Equal((10 * 17 + 1, 12 * 17 + 1), (bitmap.Height, bitmap.Width)); // ten classes of images of 8 * 2 pixels
        File.Delete(_folder.File("idx/t10k-labels-idx1-ubyte"));
        (exitCode, _, error) = Sample.TrainImages.Run(command);
        Assert.Equal(1, exitCode);
        Assert.Contains("IDX images have no labels", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_is_drawn_while_it_goes_on_and_made_longer_with_every_option()
    {
        string data = WriteIdx(), results = _folder.File("out");
        string[] command = ["--data", data, "--out", results, "--sample-every", "2", "--average", "0.9", "--weight-decay", "0.01", "--rate",
            "0.002", "--schedule", "none", "--hold-out", "0.2", "--dropout", "0.1", "--original", "--tensorboard", _folder.File("events"),
            .. s_narrow];
        var (exitCode, output, error) = Sample.TrainImages.Run([.. command, "--steps", "3"]);
        Assert.True(exitCode == 0, output + error);
        Assert.Equal(["samples-0000002.png"], Pictures());
        Assert.NotEmpty(Directory.GetFiles(_folder.File("events")));
        using (SKBitmap bitmap = SKBitmap.Decode(Path.Combine(results, "samples-0000002.png")))
            Assert.Equal((4 * 17 + 1, 8 * 17 + 1), (bitmap.Height, bitmap.Width));
        (exitCode, output, error) = Sample.TrainImages.Run([.. command, "--steps", "6"]);
        Assert.True(exitCode == 0, output + error);
        Assert.Contains("6 steps of 8 images", output, StringComparison.Ordinal);
        Assert.Equal(["samples-0000002.png", "samples-0000004.png", "samples-0000006.png"], Pictures());
        (exitCode, _, error) = Sample.TrainImages.Run([.. command, "--steps", "5"]);
        Assert.Equal(1, exitCode);
        Assert.Contains("give more than 6 Steps", error, StringComparison.Ordinal);

        string[] Pictures() => [.. Directory.GetFiles(results, "samples-*.png").Select(path => Path.GetFileName(path)).Order()];
    }

    [Fact]
    public void CelebAs_list_gives_the_split_and_a_broken_file_is_named()
    {
        var list = new List<string>();
        for (int i = 1; i <= 60; i++)
        {
            int number = i;
            _folder.Image($"celeba/img/{i:D6}.png", 218, 178, (channel, row, column)
                => (byte)(TemporaryFolder.Noise(channel, row + 99 * number, column) / 2 + row / 2));
            list.Add($"{i:D6}.jpg {(i <= 40 ? 0 : i <= 50 ? 1 : 2)}");
        }
        string data = Path.Combine(_folder.Root, "celeba", "img"), partition = _folder.File("celeba/list_eval_partition.txt");
        File.WriteAllLines(partition, list);
        string[] command = ["--data", data, "--steps", "1", "--out", _folder.File("out"), .. s_narrow];
        var (exitCode, output, error) = Sample.TrainImages.Run([.. command, "--preset", "small"]);
        Assert.True(exitCode == 0, output + error);
        Assert.Contains("10 test images", output, StringComparison.Ordinal);
        // two hundredths of forty calibrate, ten others choose the best: none of the forty does
        Match trained = Regex.Match(output, @"1 steps of 8 images out of (\d+)");
        Assert.InRange(int.Parse(trained.Groups[1].Value, CultureInfo.InvariantCulture), 30, 40);

        string broken = Path.Combine(data, "000007.png");
        File.WriteAllBytes(broken, File.ReadAllBytes(broken)[..2000]);
        (exitCode, output, error) = Sample.TrainImages.Run(command);
        Assert.Equal(1, exitCode);
        Assert.Contains("training the flow 'celeba' on image files, as 3 x 64 x 64, split by list_eval_partition.txt;", output,
            StringComparison.Ordinal);
        Assert.Contains("000007.png' in row 6 cannot be read", error, StringComparison.Ordinal);
        File.WriteAllText(partition, "000001.jpg 0\nno such line\n");
        (exitCode, _, error) = Sample.TrainImages.Run(command);
        Assert.Equal(1, exitCode);
        Assert.Contains("list_eval_partition.txt' has the line 2: 'no such line'", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_images_is_split()
    {
        for (int i = 0; i < 60; i++)
        {
            int number = i;
            _folder.Image($"images/{i:D2}.png", 28, 28, (channel, row, column)
                => (byte)(TemporaryFolder.Noise(channel, row + 99 * number, column) / 2 + 4 * row));
        }
        var (exitCode, output, error) = Sample.TrainImages.Run(
            ["--data", Path.Combine(_folder.Root, "images"), "--preset", "small", "--epochs", "1", "--out", _folder.File("out"),
                .. s_narrow]);
        Assert.True(exitCode == 0, output + error);
        Assert.Contains("on image files, as 1 x 28 x 28, a random 10", output, StringComparison.Ordinal);
        int test = int.Parse(Regex.Match(output, @"(\d+) test images").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(test, 4, 15);
    }

    [Theory]
    [InlineData(2, "--data is missing")]
    [InlineData(2, "Unknown option '--fast'", "--fast", "1")]
    [InlineData(2, "--steps is 'many', expected a number from 1 on", "--data", ".", "--steps", "many")]
    [InlineData(2, "--minutes is 'soon', expected a number above 0", "--data", ".", "--minutes", "soon")]
    [InlineData(2, "--minutes is '0', expected a number above 0", "--data", ".", "--minutes", "0")]
    [InlineData(2, "--schedule is 'linear', expected one of cosine, plateau, none", "--data", ".", "--schedule", "linear")]
    [InlineData(2, "--average is '1', expected a number from 0 to below 1", "--data", ".", "--average", "1")]
    [InlineData(2, "--preset is 'mnist', expected one of small, cifar10,", "--data", ".", "--preset", "mnist")]
    [InlineData(2, "--precision is 'f16', expected one of f32, tf32, bf16", "--data", ".", "--precision", "f16")]
    [InlineData(2, "Option --width needs a value", "--data", ".", "--width")]
    [InlineData(1, "There is no folder 'nowhere'", "--data", "nowhere")]
    public void Says_what_it_needs(int expected, string reason, params string[] arguments)
    {
        var (exitCode, _, error) = Sample.TrainImages.Run(arguments);
        Assert.Equal(expected, exitCode);
        Assert.StartsWith(reason, error, StringComparison.Ordinal);
        Assert.Equal(expected == 2, error.Contains("Usage: TrainImages --data DIR", StringComparison.Ordinal));
    }

    /// <summary>A folder with images of 8 x 8 pixels and their labels, to train on and to test.</summary>
    private string WriteIdx()
    {
        foreach ((string name, int count) in new[] { ("train", 40), ("t10k", 12) })
        {
            string images = _folder.File($"idx/{name}-images-idx3-ubyte"), labels = _folder.File($"idx/{name}-labels-idx1-ubyte");
            var random = new Random(count);
            File.WriteAllBytes(images, [0, 0, 8, 3, 0, 0, 0, (byte)count, 0, 0, 0, 8, 0, 0, 0, 8,
                .. Enumerable.Range(0, count * 64).Select(_ => (byte)random.Next(256))]);
            File.WriteAllBytes(labels, [0, 0, 8, 1, 0, 0, 0, (byte)count, .. Enumerable.Range(0, count).Select(i => (byte)(i % 3))]);
        }
        return Path.Combine(_folder.Root, "idx");
    }

    private static void WriteCifar10(string path, int records, int seed)
    {
        var bytes = new byte[records * 3073];
        new Random(seed).NextBytes(bytes);
        for (int i = 0; i < records; i++)
            bytes[i * 3073] = (byte)(i % 10);
        File.WriteAllBytes(path, bytes);
    }
}
