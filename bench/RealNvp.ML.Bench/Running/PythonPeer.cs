using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;

namespace RealNvp.ML.Bench.Running;

/// <summary>A script of bench/pytorch in a process of its own, which answers lines with lines.</summary>
internal sealed class PythonPeer : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly string _remedy;

    /// <summary>Starts the process.</summary>
    /// <param name="python">The interpreter.</param>
    /// <param name="script">The name of the script.</param>
    /// <param name="arguments">What follows it.</param>
    /// <param name="remedy">What helps where it does not run, as sentences that end a message; may be empty.</param>
    /// <param name="preload">A library that is loaded before all others; none by default.</param>
    /// <exception cref="BenchmarkFailedException">There is no such interpreter.</exception>
    public PythonPeer(string python, string script, string[] arguments, string remedy = "", string? preload = null)
    {
        _remedy = remedy;
        var start = new ProcessStartInfo(python, [Path.Combine(AppContext.BaseDirectory, "pytorch", script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (preload is not null)
            start.Environment["LD_PRELOAD"] = preload;
        // Debian's OpenBLAS takes a processor that it does not know for one of 2004, and is seven times slower there
        if (Kernels() is { } kernels)
            start.Environment.TryAdd("OPENBLAS_CORETYPE", kernels);
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new BenchmarkFailedException($"'{python}' does not start ({e.Message}).{remedy}");
        }
        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>OpenBLAS's name of the kernels that this processor can run; null leaves the choice to it.</summary>
    private static string? Kernels() => Avx512F.IsSupported ? "SKYLAKEX" : Avx2.IsSupported ? "HASWELL" : null;

    /// <summary>Sends a line.</summary>
    public void Send(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // it has ended: the answer that does not come says why
        }
    }

    /// <summary>The next line that it writes.</summary>
    /// <param name="seconds">The most that it may take; null waits.</param>
    /// <exception cref="BenchmarkFailedException">There is none.</exception>
    public string Read(double? seconds = null)
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        if (seconds is { } most && !line.Wait(TimeSpan.FromSeconds(most)))
        {
            throw new BenchmarkFailedException(
                string.Create(CultureInfo.InvariantCulture, $"PyTorch did not answer within {most:F0} seconds."));
        }
        return line.Result ?? throw new BenchmarkFailedException("PyTorch ended: "
            + $"{_errors.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("no message").TrimEnd('.')}.{_remedy}");
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
        if (!_process.WaitForExit(5000))
            _process.Kill();
        _process.Dispose();
    }
}
