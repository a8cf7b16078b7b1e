using System.Text.RegularExpressions;
using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Samples;

/// <summary>
/// What the documents say in C# is compiled and run: every block stands, line for line, in ReadmeSnippets.cs, whose methods are tests.
/// What they link to is there.
/// </summary>
public sealed class DocumentTests
{
    private static readonly string s_snippets =
        Trimmed(File.ReadAllText(Path.Combine(Repository.Root, "test", "Samples", "ReadmeSnippets.cs")));

    public static IEnumerable<TheoryDataRow<string>> Blocks
        => from path in Document.Paths
           from Match match in Regex.Matches(Document.Read(path), "```csharp\n(.*?)```", RegexOptions.Singleline)
           let block = match.Groups[1].Value
           select new TheoryDataRow<string>(block) { TestDisplayName = $"{Path.GetFileName(path)}: {block.Split('\n')[0]}" };

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Every_csharp_block_is_compiled_and_run(string block)
        => Assert.Contains(Trimmed(block), s_snippets, StringComparison.Ordinal);

    [Fact]
    public void Every_file_picture_and_heading_that_is_linked_exists()
    {
        var links =
            from path in Document.Paths
            from Match match in Regex.Matches(Document.Read(path), @"\]\((?!http|mailto)([^)#\s]*)(?:#([^)\s]+))?\)")
            let target = match.Groups[1].Value is { Length: > 0 } file ? Path.Combine(Path.GetDirectoryName(path)!, file) : path
            select (In: Path.GetRelativePath(Repository.Root, path), Link: match.Value, target, Anchor: match.Groups[2].Value);
        Assert.NotEmpty(links);
        Assert.Empty(links.Where(link => !Path.Exists(link.target)).Select(link => $"{link.In}: {link.Link}"));
        string[] nowhere = [.. links.Where(link => link.Anchor.Length > 0 && link.target.EndsWith(".md", StringComparison.Ordinal)
            && !Anchors(Document.Read(link.target)).Contains(link.Anchor)).Select(link => $"{link.In}: {link.Link}")];
        Assert.Empty(nowhere);
    }

    [Fact]
    public void Every_page_of_the_documentation_is_in_its_index()
    {
        string index = Document.Read(Path.Combine(Repository.Root, "docs", "README.md"));
        string[] missing = [.. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(path => Path.GetFileName(path))
            .Where(name => name != "README.md" && !index.Contains($"]({name})", StringComparison.Ordinal))];
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_sample_is_in_the_list_of_samples()
    {
        string folder = Path.Combine(Repository.Root, "samples"), list = Document.Read(Path.Combine(folder, "README.md"));
        IEnumerable<string> samples = Directory.GetFiles(folder, "Program.cs", SearchOption.AllDirectories)
            .Concat(Directory.GetFiles(Path.Combine(folder, "quick"), "*.cs")).Select(path => Path.GetRelativePath(folder, path));
        string[] missing = [.. samples.Where(name => !list.Contains($"]({name.Replace('\\', '/')})", StringComparison.Ordinal))];
        Assert.Empty(missing);
    }

    /// <summary>The names by which a page's headings are linked, as GitHub makes them.</summary>
    private static string[] Anchors(string text)
        => [.. Regex.Matches(text, "^#+ (.+)$", RegexOptions.Multiline).Select(match
            => Regex.Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-'))];

    /// <summary>The lines that hold something, without their indentation.</summary>
    private static string Trimmed(string text)
        => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));
}
