using System.Text.RegularExpressions;
using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Samples;

/// <summary>
/// What the README and docs say in C# is compiled and run: every block stands, line for line, in ReadmeSnippets.cs, whose methods are
/// tests.
/// </summary>
public sealed class ReadmeTests
{
    private static readonly string s_snippets =
        Trimmed(File.ReadAllText(Path.Combine(Repository.Root, "test", "Samples", "ReadmeSnippets.cs")));

    public static IEnumerable<TheoryDataRow<string>> Blocks
        => from path in Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
               .Append(Path.Combine(Repository.Root, "README.md"))
           from Match match in Regex.Matches(
               File.ReadAllText(path).ReplaceLineEndings("\n"), "```csharp\n(.*?)```", RegexOptions.Singleline)
           let block = match.Groups[1].Value
           select new TheoryDataRow<string>(block) { TestDisplayName = $"{Path.GetFileName(path)}: {block.Split('\n')[0]}" };

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Every_csharp_block_is_compiled_and_run(string block)
        => Assert.Contains(Trimmed(block), s_snippets, StringComparison.Ordinal);

    [Fact]
    public void Every_file_and_picture_that_is_linked_exists()
    {
        string[] links = [.. Regex.Matches(Readme.Text, @"\]\((?!http|#)([^)#]+)").Select(match => match.Groups[1].Value)];
        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(Repository.Root, link)), link));
    }

    /// <summary>The lines that hold something, without their indentation.</summary>
    private static string Trimmed(string text)
        => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));
}
