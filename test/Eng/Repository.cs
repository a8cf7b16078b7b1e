using System.Diagnostics;

namespace RealNvp.ML.Tests.Eng;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>What the tests and all that they call were built as: Release or Debug.</summary>
    public static string Configuration { get; }
        = Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/', '\\')).StartsWith("debug", StringComparison.Ordinal) ? "Debug" : "Release";

    /// <summary>Runs the dotnet command in the root and returns its exit code and what it printed.</summary>
    public static (int ExitCode, string Output, string Error) Dotnet(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            WorkingDirectory = Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // a build node that stays behind would hold our end of the pipes
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RealNvp.ML.sln")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No RealNvp.ML.sln above {AppContext.BaseDirectory}.");
    }
}
