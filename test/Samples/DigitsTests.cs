using System.Globalization;
using System.Text.RegularExpressions;
using SkiaSharp;

namespace RealNvp.ML.Tests.Samples;

/// <summary>samples/Digits from end to end, with a few training steps: what it prints and leaves, not how good the flow is.</summary>
public sealed class DigitsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realnvp-digits-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Measures_beside_simple_models_and_draws_pictures()
    {
        var (exitCode, output, error) = Sample.Digits.Run(_folder, "--steps", "4", "--class", "7");
        Assert.True(exitCode == 0, output + error);
        Assert.Empty(error);

        Assert.Contains("359 digits that the flow has never seen", output, StringComparison.Ordinal);
        double flow = Number(output, @"Real NVP +(\d\S+)"), histograms = Number(output, @"histogram of each pixel +(\S+)");
        Assert.InRange(flow, histograms, 5); // four steps are no training; log2(17) = 4.09 are the bits of uniform levels
        Assert.InRange(Number(output, @"Real NVP given the digit's class +(\S+)"), histograms, 5);
        Assert.InRange(Number(output, @"likeliest given its own class: (\d+) of 359"), 0, 359);
        // another implementation of both, on another split, has 2.435 and 2.467
        Assert.InRange(histograms, 2.40, 2.46);
        Assert.InRange(Number(output, @"full-covariance Gaussian of logits +(\S+)"), 2.42, 2.50);
        foreach (string odd in new[] { "the digits upside down", "uniform noise", "a blank image" })
        {
            Assert.InRange(Number(output, odd + @" +(\S+)"), 0, 1);
            Assert.InRange(Number(output, odd + @" +\S+ +(\S+)"), 0, 1);
        }

        // images of 8 * 6 pixels, with lines of 4 between and around them or between them alone
        AssertPicture("samples.png", columns: 12, rows: 8);
        AssertPicture("manifold.png", columns: 8, rows: 8);
    }

    [Theory, InlineData("--steps"), InlineData("--steps", "0"), InlineData("--steps", "many"), InlineData("--epochs", "3"),
        InlineData("--class"), InlineData("--class", "10"), InlineData("--class", "-1")]
    public void Refuses_other_arguments(params string[] arguments)
    {
        var (exitCode, _, error) = Sample.Digits.Run(arguments);
        Assert.Equal(2, exitCode);
        Assert.Equal("Usage: Digits [OUTPUT_FOLDER] [--steps N] [--class N], with steps from 1 on and a class from 0 to 9.", error.Trim());
    }

    private void AssertPicture(string name, int columns, int rows)
    {
        using SKBitmap picture = SKBitmap.Decode(Path.Combine(_folder, name));
        Assert.InRange(picture.Width, columns * 52 - 4, columns * 52 + 4);
        Assert.InRange(picture.Height, rows * 52 - 4, rows * 52 + 4);
        Assert.True(picture.Pixels.Distinct().Count() > 5, $"{name} shows nothing");
    }

    private static double Number(string output, string pattern)
        => double.Parse(Regex.Match(output, pattern).Groups[1].Value, CultureInfo.InvariantCulture);
}
