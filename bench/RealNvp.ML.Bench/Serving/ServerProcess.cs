using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Serving;

/// <summary>This executable again, as a server.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process _process;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <exception cref="BenchmarkFailedException">It does not start.</exception>
    public ServerProcess(string which, string path)
    {
        string executable = Environment.ProcessPath!, assembly = typeof(ServerProcess).Assembly.Location;
        string[] own = Path.GetFileNameWithoutExtension(executable) == "dotnet" ? [executable, "exec", assembly] : [executable];
        var start = new ProcessStartInfo(own[0], [.. own[1..], "serving", ServingBenchmark.ServeOption, $"{which}|{path}"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_gcServer"] = "1"; // as projects of ASP.NET have it
        _process = Process.Start(start)!;
        Address = _process.StandardOutput.ReadLine() ?? throw new BenchmarkFailedException($"The server '{which}' does not start.");
    }

    /// <summary>Where it listens.</summary>
    public string Address { get; }

    /// <summary>What it has in memory, in bytes.</summary>
    public long Resident
    {
        get
        {
            string line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
