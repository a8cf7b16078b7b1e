using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>The same flow in eager PyTorch: scoring.py, in a process of its own.</summary>
internal sealed class TorchPeer : IDisposable
{
    /// <summary>Python reads gigabytes of libraries before it says its first word.</summary>
    private const int StartSeconds = 60;

    private readonly Process _process;
    private readonly Task<string> _errors;

    /// <summary>Starts the process and waits until it is ready.</summary>
    /// <exception cref="BenchmarkFailedException">Python, torch or the device is missing.</exception>
    public TorchPeer(string python, string device)
    {
        var start = new ProcessStartInfo(python, [Path.Combine(AppContext.BaseDirectory, "pytorch", "scoring.py"), "--device", device])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new BenchmarkFailedException($"'{python}' does not start ({e.Message}).");
        }
        _errors = _process.StandardError.ReadToEndAsync();
        try
        {
            Name = (string)Read(StartSeconds)["name"]!;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Version and device.</summary>
    public string Name { get; }

    /// <summary>Sends a request, which takes about so long, and waits for its answer.</summary>
    /// <exception cref="BenchmarkFailedException">There is none.</exception>
    public JsonObject Ask(JsonObject request, double seconds)
    {
        try
        {
            _process.StandardInput.WriteLine(request.ToJsonString());
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // it has ended: the answer that does not come says why
        }
        return Read(10 * seconds + 20);
    }

    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // it has ended before
        }
        if (!_process.WaitForExit(2000))
            _process.Kill();
        _process.Dispose();
    }

    private JsonObject Read(double seconds)
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        if (!line.Wait(TimeSpan.FromSeconds(seconds)))
            throw new BenchmarkFailedException(FormattableString.Invariant($"it did not answer within {seconds:F0} seconds."));
        if (line.Result is { } text)
            return JsonNode.Parse(text)!.AsObject();
        string reason = _errors.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("no message");
        throw new BenchmarkFailedException($"it ended: {reason}");
    }
}
