using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Samples;

/// <summary>The README of the repository.</summary>
internal static class Readme
{
    public static string Text { get; } = File.ReadAllText(Path.Combine(Repository.Root, "README.md")).ReplaceLineEndings("\n");
}
