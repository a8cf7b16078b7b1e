using System.Diagnostics;

namespace RealNvp.ML.Bench.Survival;

/// <summary>A process of a check's own, which may crash, hang or be killed: this executable again.</summary>
internal static class ChildProcess
{
    /// <summary>The option that tells it what to do.</summary>
    public const string Option = "--child";

    /// <summary>Starts one; its errors go into its output.</summary>
    /// <param name="environment">Variables to set.</param>
    /// <param name="parts">A name of <see cref="SurvivalArguments.Children"/>, then its arguments.</param>
    public static Process Start(IReadOnlyDictionary<string, string>? environment, params string[] parts)
        => Start([], environment, parts);

    /// <summary>As the other overload, through commands of bash that go before.</summary>
    public static Process StartAfter(string commands, params string[] parts)
        => Start(["bash", "-c", commands + "; exec \"$0\" \"$@\""], null, parts);

    /// <summary>Starts one, and gives its exit code and what it wrote once it has ended; kills it after a time.</summary>
    /// <returns>No exit code where it had to be killed.</returns>
    public static (int? ExitCode, string[] Lines) Finish(Process process, TimeSpan time)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(time);
        if (!ended)
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return (ended ? process.ExitCode : null,
            (output.Result + errors.Result).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    private static Process Start(string[] before, IReadOnlyDictionary<string, string>? environment, string[] parts)
    {
        // "dotnet" where the executable was started by it
        string executable = Environment.ProcessPath!, assembly = typeof(ChildProcess).Assembly.Location;
        string[] own = Path.GetFileNameWithoutExtension(executable) == "dotnet" ? [executable, "exec", assembly] : [executable];
        string[] command = [.. before, .. own, "survival", Option, string.Join('|', parts)];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
