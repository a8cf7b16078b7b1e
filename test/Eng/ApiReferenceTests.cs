namespace RealNvp.ML.Tests.Eng;

/// <summary>The pages and the reference of the public API, as docfx makes a site of them.</summary>
[Collection<Builds>]
public sealed class ApiReferenceTests
{
    [Fact]
    public void The_site_is_built_without_a_warning()
    {
        var (restored, _, problem) = Repository.Dotnet("tool", "restore");
        Assert.SkipUnless(restored == 0, $"docfx is not to be had: {problem}");

        var (exitCode, output, error) = Repository.Dotnet("docfx", "docs/docfx.json", "--warningsAsErrors");

        Assert.True(exitCode == 0, output + error);
        string reference = File.ReadAllText(Path.Combine(Repository.Root, "artifacts", "docs", "site", "api",
            "Microsoft.ML.RealNvpTrainerCatalog.html"));
        Assert.Contains("AnomalyDetectionCatalog.AnomalyDetectionTrainers", reference, StringComparison.Ordinal);
    }
}
