using System.Globalization;
using System.Text.RegularExpressions;
using RealNvp.ML.Export;

namespace RealNvp.ML.Tests.Samples;

public sealed class SampleTests(AnomalyDetectionRun run) : IClassFixture<AnomalyDetectionRun>
{
    private static readonly byte[] s_pngSignature = [0x89, 0x50, 0x4E, 0x47];

    [Fact]
    public void Anomaly_detection_runs_without_warnings()
    {
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void The_flow_tells_malignant_from_benign_better_than_randomized_pca()
    {
        double flow = Number(@"Real NVP +(\S+)"), pca = Number(@"RandomizedPca, best of 10 tries +(\S+)");
        Assert.InRange(flow, 0.9, 1);
        Assert.InRange(pca, 0.5, flow);
        Assert.Equal(0, Number(@"rows without a finite score: (\d+)"));
    }

    [Fact]
    public void The_threshold_flags_few_fresh_benign_rows_and_most_malignant_ones()
    {
        // asked for at most 5 % from some 50 rows: the share among 176 others varies by a few per cent
        Assert.InRange(Number(@"fresh benign rows flagged +(\S+) %"), 0, 15);
        Assert.InRange(Number(@"malignant rows flagged +(\S+) %"), 50, 100);
    }

    [Fact]
    public void A_saved_model_scores_as_the_one_in_memory() => Assert.Equal(0, Number("scores differ by at most (.+)"));

    [Theory]
    [InlineData("training.png")]
    [InlineData("scores.png")]
    public void Charts_are_pictures_with_something_on_them(string name)
    {
        byte[] png = File.ReadAllBytes(run.File(name));
        Assert.Equal(s_pngSignature, png[..4]);
        Assert.InRange(png.Length, 10_000, 500_000);
    }

    [Fact]
    public void Model_and_graphs_are_written()
    {
        Assert.Equal(30, FlowModel.Load(run.File("flow.rnvp")).InputShape.Size);
        foreach (string name in new[] { "model.zip", "density.onnx", "sampler.onnx" })
            Assert.NotEqual(0, new FileInfo(run.File(name)).Length);
    }

    [Fact]
    public void The_documentation_shows_this_output()
    {
        string shown = Regex.Match(Document.Anomalies, "```text\n(training on .*?)\n```", RegexOptions.Singleline).Groups[1].Value;
        Assert.Equal(Words(shown), Words(run.Output[..run.Output.IndexOf("\nmodel.zip,", StringComparison.Ordinal)]));
    }

    [Fact]
    public void Scoring_works_from_the_zip_alone()
    {
        var (exitCode, output, error) = Sample.Scoring.Run(run.File("model.zip"));
        Assert.True(exitCode == 0, output + error);
        Assert.Empty(error);
        Assert.Contains("malignant", output, StringComparison.Ordinal);
        Assert.True(File.Exists(run.File("density-again.onnx")));
    }

    [Fact]
    public void Scoring_says_what_to_do_where_the_model_is_missing()
    {
        string missing = run.File("nothing.zip");
        var (exitCode, _, error) = Sample.Scoring.Run(missing);
        Assert.Equal(1, exitCode);
        Assert.Equal($"There is no model at {missing}: run samples/AnomalyDetection first, or name the model.zip that it wrote.",
            error.Trim());
    }

    [Fact]
    public void Scoring_carries_no_torch()
    {
        string[] files = [.. Directory.EnumerateFiles(Sample.Scoring.Folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetFileName(file))];
        Assert.Contains("RealNvp.ML.Transforms.dll", files); // the folder is the right one
        Assert.DoesNotContain(files, file => Regex.IsMatch(file, "torch|c10|RealNvp.ML.Trainers", RegexOptions.IgnoreCase));
        string dependencies = File.ReadAllText(Path.Combine(Sample.Scoring.Folder, "Scoring.deps.json"));
        Assert.DoesNotContain("torch", dependencies, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("AnomalyDetection")]
    [InlineData("Defects")]
    [InlineData("Digits")]
    [InlineData("Machines")]
    [InlineData("Scoring")]
    [InlineData("TrainImages")]
    public void Help_is_printed_and_nothing_done(string name)
    {
        Sample sample = name switch
        {
            "AnomalyDetection" => Sample.AnomalyDetection, "Defects" => Sample.Defects, "Digits" => Sample.Digits,
            "Machines" => Sample.Machines, "Scoring" => Sample.Scoring, _ => Sample.TrainImages,
        };
        var (exitCode, output, error) = sample.Run("--help");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.StartsWith($"Usage: {name} ", output, StringComparison.Ordinal);
        Assert.False(Path.Exists(Path.Combine(Eng.Repository.Root, "--help")));
    }

    private double Number(string pattern)
    {
        Match match = Regex.Match(run.Output, pattern);
        Assert.True(match.Success, $"'{pattern}' is not in:\n{run.Output}{run.Error}");
        return double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>The text without its numbers and progress lines, which differ between machines.</summary>
    private static string Words(string text)
    {
        string lines = string.Join('\n',
            text.Split('\n').Where(line => line.Length > 0 && !line.StartsWith("epoch", StringComparison.Ordinal)));
        return Regex.Replace(Regex.Replace(lines, @"-?\d[\d.,]*(E-?\d+)?", "#"), " +", " ");
    }
}
