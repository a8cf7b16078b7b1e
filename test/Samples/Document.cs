using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Samples;

/// <summary>The documents of the repository: what is Markdown outside build outputs and installed packages.</summary>
internal static class Document
{
    /// <summary>The page on anomalies, which shows what the first command prints.</summary>
    public static string Anomalies => Read(Path.Combine(Repository.Root, "docs", "anomalies.md"));

    /// <summary>The paths of all documents.</summary>
    public static IEnumerable<string> Paths { get; } =
    [
        .. Directory.GetFiles(Repository.Root, "*.md"),
        .. new[] { "docs", "samples", "bench", "test", "src", "eng" }
            .Select(folder => Path.Combine(Repository.Root, folder))
            .SelectMany(folder => Directory.GetFiles(folder, "*.md", SearchOption.AllDirectories))
            .Where(path => !path.Contains("node_modules", StringComparison.Ordinal)),
    ];

    /// <summary>A document's text, with line feeds alone.</summary>
    public static string Read(string path) => File.ReadAllText(path).ReplaceLineEndings("\n");
}
