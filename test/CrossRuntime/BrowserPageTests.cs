using System.Text.Json;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tests.Exports;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.CrossRuntime;

/// <summary>samples/Browser in headless Chromium: what a person sees there is what ONNX Runtime says of the same rows.</summary>
public class BrowserPageTests(NodeRuntime node) : IClassFixture<NodeRuntime>
{
    private static readonly string s_page = Path.Combine(Repository.Root, "samples", "Browser");

    [Fact]
    public void Page_shows_the_numbers_that_the_graphs_give_here()
    {
        Shown page = JsonSerializer.Deserialize<Shown>(node.OpenPage(s_page), JsonSerializerOptions.Web)!;
        Assert.Empty(page.Errors);
        Assert.Empty(page.Foreign); // it asks nothing of the network
        Assert.Equal("ready", page.Status);

        float[][] rows = [.. page.Points.Select(point => point.Row)];
        Dictionary<string, float[]> here = GraphResults.Of(Graph("density.onnx"), "Features", rows);
        for (int i = 0; i < rows.Length; i++)
        {
            Point there = page.Points[i];
            Assert.Equal(here["Score"][i], there.Score, 1e-3f);
            Assert.Equal(here["PValue"][i], there.PValue, 2e-3f); // the score may stand on the other side of one cut
            Assert.Equal(here["PredictedLabel"][i] == 1, there.Flagged);
            Assert.Equal(here["Contributions"][2 * i], there.Contributions[0], 2e-3f);
            Assert.Equal(here["Contributions"][2 * i + 1], there.Contributions[1], 2e-3f);
        }
        Assert.Contains(page.Points, point => point.Flagged);
        Assert.Contains(page.Points, point => !point.Flagged);

        Assert.InRange(page.Colours, 50, int.MaxValue);
        Assert.InRange(page.Dots, 500, int.MaxValue);
        Assert.Equal("0.50", page.Temperature);
        AssertDrawn(page.Latents, page.Drawn);
        AssertDrawn([.. page.Latents.Select(row => row.Select(z => z / 2).ToArray())], page.Cooled);
    }

    /// <summary>Graphs that somebody else has exported, in a folder that is named without the slash behind it.</summary>
    [Fact]
    public void Graphs_of_other_folders_are_shown_or_told_why_not()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(s_page))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        FlowModel mine = Flows.Random(features: 2, couplings: 2);
        foreach ((string name, FlowModel flow) in new[] { ("mine", mine), ("three", Flows.Random(features: 3, couplings: 2)) })
        {
            File.WriteAllBytes(folder.File($"{name}/density.onnx"), flow.BuildDensityGraph());
            File.WriteAllBytes(folder.File($"{name}/sampler.onnx"), flow.BuildSamplingGraph());
        }
        Shown page = JsonSerializer.Deserialize<Shown>(node.OpenPage(folder.Root), JsonSerializerOptions.Web)!;
        Other shown = page.Others["mine"];
        Assert.Equal("ready", shown.Status);
        float[] row = [.. shown.Row.Select(value => value!.Value)];
        Assert.Equal(-Flows.Evaluate(mine, row).LogLikelihood, shown.Score!.Value, 1e-3);
        Assert.DoesNotContain("NaN", shown.Text, StringComparison.Ordinal); // of contributions, which these graphs have not
        Assert.DoesNotContain("adds", shown.Text, StringComparison.Ordinal);
        Assert.Contains("of 2 features, and ", page.Others["three"].Status, StringComparison.Ordinal);
        Assert.EndsWith("/three/density.onnx has 3.", page.Others["three"].Status, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_asks_for_the_runtime_that_is_tested()
    {
        string tested = Version(Path.Combine(Repository.Root, "test", "CrossRuntime"));
        Assert.Equal(tested, Version(s_page));
        Assert.Contains($"const version = '{tested}'", File.ReadAllText(Path.Combine(s_page, "flow.js")), StringComparison.Ordinal);

        static string Version(string folder)
        {
            using JsonDocument package = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "package.json")));
            return package.RootElement.GetProperty("dependencies").GetProperty("onnxruntime-web").GetString()!;
        }
    }

    private static void AssertDrawn(float[][] latents, float[][] drawn)
    {
        float[] here = GraphResults.Of(Graph("sampler.onnx"), "Latent", latents)["Features"];
        Assert.All(here.Zip(drawn.SelectMany(row => row)), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    private static byte[] Graph(string name) => File.ReadAllBytes(Path.Combine(s_page, name));

    private sealed record Shown(string Status, Point[] Points, string[] Errors, string[] Foreign, int Colours, int Dots, string Temperature,
        float[][] Latents, float[][] Drawn, float[][] Cooled, Dictionary<string, Other> Others);

    private sealed record Other(string Status, float?[] Row, float? Score, string Text);

    private sealed record Point(float[] Row, float Score, float PValue, float[] Contributions, bool Flagged);
}
