using System.Diagnostics;
using System.Text;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tool.Running;
using ToolProgram = RealNvp.ML.Tool.Program;

namespace RealNvp.ML.Tests.Tool;

/// <summary>What one command line gave.</summary>
internal sealed record ToolRun(int ExitCode, string Output, string Error)
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>The lines of standard output.</summary>
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The built tool, which stands beside these tests in a folder of the same name.</summary>
    public static string Assembly
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
            return Path.Combine(folder.Parent!.Parent!.FullName, "RealNvp.ML.Tool", folder.Name, "realnvp.dll");
        }
    }

    /// <summary>Runs the tool within this process.</summary>
    public static ToolRun Of(params string[] arguments) => WithInput("", arguments);

    /// <summary>Runs the tool within this process, with standard input.</summary>
    public static ToolRun WithInput(string input, params string[] arguments)
    {
        using var output = new MemoryStream();
        var error = new StringWriter { NewLine = "\n" };
        using var given = new MemoryStream(s_utf8.GetBytes(input));
        int code = ToolProgram.Run(arguments, new Terminal(given, output, error, IsInteractive: false));
        return new(code, s_utf8.GetString(output.ToArray()), error.ToString());
    }

    /// <summary>Runs a command line that must succeed.</summary>
    public static ToolRun Good(params string[] arguments)
    {
        ToolRun run = Of(arguments);
        Assert.True(run.ExitCode == 0, run.Error);
        return run;
    }

    /// <summary>Runs a command line that must fail with one line.</summary>
    public static string Bad(int exitCode, params string[] arguments)
    {
        ToolRun run = Of(arguments);
        Assert.True(exitCode == run.ExitCode, $"{run.ExitCode}: {run.Error}{run.Output}");
        string line = Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => line.StartsWith("realnvp: ", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        return line;
    }

    /// <summary>Starts the built tool as a process of its own.</summary>
    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            ["exec", Assembly, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    /// <summary>Runs the built tool as a process of its own.</summary>
    public static ToolRun OfProcess(params string[] arguments)
    {
        (int code, string output, string error) = Repository.Dotnet(["exec", Assembly, .. arguments]);
        return new(code, output, error);
    }
}
