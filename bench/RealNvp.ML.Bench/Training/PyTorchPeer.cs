using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Training;

/// <summary>
/// The same flow in Debian's PyTorch, in a process of its own that trains when it is asked to. OpenBLAS is preloaded: without it that PyTorch multiplies
/// matrices at a tenth of the speed.
/// </summary>
internal sealed class PyTorchPeer : IDisposable
{
    private const string Install = "apt install python3-torch libopenblas0-openmp";

    private readonly Process _process;
    private readonly Task<string> _errors;

    /// <summary>Starts the process and waits until it is warm.</summary>
    /// <param name="python">The interpreter that has torch.</param>
    /// <param name="load">The name of the load.</param>
    /// <param name="threads">The most that torch.set_num_threads is given.</param>
    /// <exception cref="BenchmarkFailedException">Something is not installed.</exception>
    public PyTorchPeer(string python, string load, int threads)
    {
        var start = new ProcessStartInfo(python, [Path.Combine(AppContext.BaseDirectory, "pytorch", "training.py"), load, threads.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LD_PRELOAD"] = OpenBlas() ?? throw new BenchmarkFailedException($"OpenBLAS is missing, without which Debian's PyTorch is no peer: {Install}");
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new BenchmarkFailedException($"'{python}' does not start ({e.Message}): {Install}, or name another with --python.");
        }
        _errors = _process.StandardError.ReadToEndAsync();
        string[] facts = ReadLine().Split('\t');
        (Parameters, Name) = (long.Parse(facts[0], CultureInfo.InvariantCulture), $"PyTorch {facts[1]}");
    }

    /// <summary>The parameters that it trains.</summary>
    public long Parameters { get; }

    /// <summary>Version, optimizer and threads.</summary>
    public string Name { get; }

    /// <summary>Trains, and says how many seconds that took by its own clock.</summary>
    public double Seconds(int steps)
    {
        _process.StandardInput.WriteLine(steps.ToString(CultureInfo.InvariantCulture));
        _process.StandardInput.Flush();
        return double.Parse(ReadLine(), CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5000))
            _process.Kill();
        _process.Dispose();
    }

    private static string? OpenBlas()
    {
        const string libraries = "/usr/lib";
        return Directory.Exists(libraries)
            ? Directory.EnumerateDirectories(libraries, "*-linux-gnu").SelectMany(folder => Directory.EnumerateDirectories(folder, "openblas-*"))
                .Select(folder => Path.Combine(folder, "libopenblas.so.0")).FirstOrDefault(File.Exists)
            : null;
    }

    private string ReadLine() => _process.StandardOutput.ReadLine()
        ?? throw new BenchmarkFailedException($"PyTorch did not answer: {_errors.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("no message")}. It needs {Install}; --python names another interpreter.");
}
