namespace RealNvp.ML.Tests.Eng;

/// <summary>The pages and the reference of the public API, as docfx makes a site of them.</summary>
[Collection<Builds>]
public sealed class ApiReferenceTests
{
    [Fact]
    public void The_site_is_built_without_a_warning()
    {
        Assert.SkipUnless(Repository.Configuration == "Release", "The reference is made of what a Release build left.");
        var (restored, _, problem) = Repository.Dotnet("tool", "restore");
        Assert.SkipUnless(restored == 0, $"docfx is not to be had: {problem}");

        var (exitCode, output, error) = Repository.Dotnet("docfx", "docs/docfx.json", "--warningsAsErrors");

        Assert.True(exitCode == 0, output + error);
        string reference = Page("Microsoft.ML.RealNvpTrainerCatalog");
        Assert.Contains("AnomalyDetectionCatalog.AnomalyDetectionTrainers", reference, StringComparison.Ordinal);
        // static methods that extend another type, and nothing that the compiler writes for records
        Assert.Contains("FromCheckpoint", Page("Microsoft.ML.FlowCheckpoints"), StringComparison.Ordinal);
        Assert.DoesNotContain("Deconstruct", Page("RealNvp.ML.Export.Nets.ResidualBlock"), StringComparison.Ordinal);

        static string Page(string type)
            => File.ReadAllText(Path.Combine(Repository.Root, "artifacts", "docs", "site", "api", type + ".html"));
    }
}
