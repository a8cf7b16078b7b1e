using System.Text.Json.Nodes;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>The same flow in eager PyTorch: scoring.py, which answers requests in JSON.</summary>
internal sealed class TorchPeer : IDisposable
{
    /// <summary>Python reads gigabytes of libraries before it says its first word.</summary>
    private const int StartSeconds = 60;

    private readonly PythonPeer _process;

    /// <summary>Starts the process and waits until it is ready.</summary>
    /// <exception cref="BenchmarkFailedException">Python, torch or the device is missing.</exception>
    public TorchPeer(string python, string device)
    {
        _process = new PythonPeer(python, "scoring.py", ["--device", device]);
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
        _process.Send(request.ToJsonString());
        return Read(10 * seconds + 20);
    }

    public void Dispose() => _process.Dispose();

    private JsonObject Read(double seconds) => JsonNode.Parse(_process.Read(seconds))!.AsObject();
}
