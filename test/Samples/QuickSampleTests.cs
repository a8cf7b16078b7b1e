using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Samples;

/// <summary>The samples of one file, run as their first lines say; in the configuration of the tests, which is built already.</summary>
[Collection<Builds>]
public sealed class QuickSampleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realnvp-quick-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void First_flow_flags_the_reading_whose_values_do_not_belong_together()
    {
        string[] lines = Run("first-flow.cs").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.EndsWith("an anomaly", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("an anomaly", lines[0], StringComparison.Ordinal);
        Assert.Equal(3, lines.Count(line => line.StartsWith("drawn: ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Strangest_rows_finds_the_strange_row_and_its_column()
    {
        var random = new Random(1);
        string file = Path.Combine(_folder, "rows.csv");
        File.WriteAllLines(file, Enumerable.Range(0, 500).Select(i => FormattableString.Invariant(
            $"{random.NextSingle()},{(i == 300 ? 9 : random.NextSingle())},{random.NextSingle()}")).Prepend("a,b,c"));
        Assert.Matches(@"^line  302 .* columns 2\b", Run("strangest-rows.cs", file));
    }

    [Fact]
    public void Two_moons_draws_a_picture()
    {
        string file = Path.Combine(_folder, "moons.png");
        Run("two-moons.cs", file, "20");
        Assert.InRange(new FileInfo(file).Length, 10_000, 1_000_000);
    }

    [Fact]
    public void A_program_that_is_run_again_after_another_is_still_itself()
    {
        string rows = Run("strangest-rows.cs", "--help"), moons = Run("two-moons.cs", "--help");
        Assert.Contains("strangest-rows.cs", rows, StringComparison.Ordinal);
        Assert.Contains("two-moons.cs", moons, StringComparison.Ordinal);
        Assert.Equal(rows, Run("strangest-rows.cs", "--help"));
    }

    private static string Run(string name, params string[] arguments)
    {
        var (exitCode, output, error) = Repository.Dotnet(
            ["run", Path.Combine("samples", "quick", name), "-c", Repository.Configuration, "--", .. arguments]);
        Assert.True(exitCode == 0, output + error);
        return output;
    }
}
