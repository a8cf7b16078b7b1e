using System.Globalization;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Training;

/// <summary>
/// The same flows in PyTorch, in a process of its own that trains when it is asked to. For Debian's PyTorch OpenBLAS is preloaded:
/// without it that one multiplies matrices at a tenth of the speed.
/// </summary>
internal sealed class PyTorchPeer : IDisposable
{
    private const string DebiansPython = "/usr/bin/python3", Install = "apt install python3-torch libopenblas0-openmp";

    private readonly PythonPeer _process;

    /// <summary>Starts the process.</summary>
    /// <param name="python">The interpreter that has torch.</param>
    /// <exception cref="BenchmarkFailedException">Something is not installed.</exception>
    public PyTorchPeer(string python)
        => _process = new PythonPeer(python, "training.py", [], $" It needs {Install}; --python names another interpreter.",
            python != DebiansPython ? null : OpenBlas()
                ?? throw new BenchmarkFailedException($"OpenBLAS is missing, without which Debian's PyTorch is no peer: {Install}"));

    /// <summary>The parameters that it trains.</summary>
    public long Parameters { get; private set; }

    /// <summary>Version and the fastest way to train, of those that it tried.</summary>
    public string Name { get; private set; } = "PyTorch";

    /// <summary>What it tried, each with its steps per second.</summary>
    public string Tried { get; private set; } = "";

    /// <summary>Builds a flow, and waits until it is warm.</summary>
    /// <param name="load">The name of the load.</param>
    /// <param name="device">As torch names it.</param>
    /// <param name="precision">f32, tf32 or bf16.</param>
    /// <param name="threads">The most that torch.set_num_threads is given.</param>
    public void Load(string load, string device, string precision, int threads)
    {
        string[] facts = Ask(string.Create(CultureInfo.InvariantCulture, $"load {load} {device} {precision} {threads}")).Split('\t');
        (Parameters, Name, Tried) = (long.Parse(facts[0], CultureInfo.InvariantCulture), $"PyTorch {facts[1]}", facts[2]);
    }

    /// <summary>Trains, and says how many seconds that took by its own clock.</summary>
    public double Seconds(int steps)
        => double.Parse(Ask(string.Create(CultureInfo.InvariantCulture, $"train {steps}")), CultureInfo.InvariantCulture);

    /// <summary>The most memory that it had reserved on the GPU since it was loaded, in MiB; 0 on a CPU.</summary>
    public double ReservedMiB() => double.Parse(Ask("memory"), CultureInfo.InvariantCulture);

    public void Dispose() => _process.Dispose();

    private static string? OpenBlas()
    {
        const string libraries = "/usr/lib";
        return Directory.Exists(libraries)
            ? Directory.EnumerateDirectories(libraries, "*-linux-gnu")
            .SelectMany(folder => Directory.EnumerateDirectories(folder, "openblas-*"))
                .Select(folder => Path.Combine(folder, "libopenblas.so.0")).FirstOrDefault(File.Exists)
            : null;
    }

    private string Ask(string command)
    {
        _process.Send(command);
        return _process.Read();
    }
}
