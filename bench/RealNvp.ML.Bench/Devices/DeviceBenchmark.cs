using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using TorchSharp;

namespace RealNvp.ML.Bench.Devices;

/// <summary>
/// Goes through what training promises of a device, one check after the other; a check that fails does not stop the others.
/// </summary>
internal sealed class DeviceBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "device";

    /// <inheritdoc/>
    public override string Question => "does training keep its promises on a device?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options { get; } = new Dictionary<string, string>
    {
        ["--device"] = "cuda, the default, cuda:N or cpu",
        ["--only"] = "checks whose name holds this",
        ["--seconds"] = "checks that have not begun by then are left out; 600 by default",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        string device = context.Arguments["--device"] ?? "cuda";
        int most = context.Arguments.Count("--seconds") ?? 600;
        var clock = Stopwatch.StartNew();
        try
        {
            TorchRuntime.Require();
            TorchRuntime.NamedDevice(device);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or DllNotFoundException)
        {
            throw new BenchmarkFailedException(e.Message);
        }
        context.Report.Add($"libtorch {torch.__version__}, CUDA "
            + $"{(torch.cuda.is_available() ? $"with {torch.cuda.device_count()} device(s)" : "not available")}, cuDNN "
            + $"{(torch.cuda.is_cudnn_available() ? "available" : "not available")}.");
        var table = new MarkdownTable("Check", "", "s", "found");
        string only = context.Arguments["--only"] ?? "";
        (string Name, Func<string> Check)[] checks = [.. new DeviceChecks(device).All.Where(check
            => check.Name.Contains(only, StringComparison.OrdinalIgnoreCase))];
        if (checks.Length == 0)
            throw new BenchmarkFailedException($"No check's name holds '{only}'.");
        context.Report.Add(table);
        int passed = 0, failed = 0, left = 0;
        foreach ((string name, Func<string> check) in checks)
        {
            context.Progress.Show(name, passed + failed, checks.Length);
            if (clock.Elapsed.TotalSeconds > most)
            {
                left++;
                continue;
            }
            var time = Stopwatch.StartNew();
            string found, word;
            try
            {
                (found, word) = (check(), "passed");
                passed++;
            }
            catch (Exception e) // whatever it is, the others are worth having
            {
                (found, word) = ($"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}", "FAILED");
                failed++;
                Console.Error.WriteLine($"{name}: {e}");
            }
            table.Add(name, word, time.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture), found);
            context.Save();
        }
        context.Report.Add(new Figure("device.checks_failed", failed, "checks", 0, "none", failed == 0 ? 1 : 0));
        if (left > 0)
            context.Report.Add($"{left} checks were left out for lack of time.");
        if (failed > 0)
            throw new BenchmarkFailedException($"{failed} of {passed + failed} checks failed.");
    }
}
