using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Native;
using TorchSharp;

namespace RealNvp.ML.Bench.Training;

/// <summary>
/// Steps per second of several processes over MPI beside one with the same global batch: Open MPI's mpirun is started in turns with one
/// process and with several, one thread and one core each.
/// </summary>
internal sealed class RanksBenchmark : Benchmark
{
    private const int DefaultRounds = 5, WarmUps = 5;

    private static readonly (TrainingLoad Load, int BatchSize)[] s_loads =
    [
        (TrainingLoad.All[0] with { Description = "D = 30, 6 couplings, nets of 3x128, global batch 1,024", Steps = 60 }, 1024),
        Images(TrainingLoad.All[1].Name, 256),
        Images("image-64", 64),
        Images("image-512", 512),
    ];

    /// <inheritdoc/>
    public override string Name => "ranks";

    /// <inheritdoc/>
    public override string Question => "how many times as fast do processes over MPI train as one?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--ranks"] = "processes; 2 by default",
        ["--loads"] = "some of tabular,image,image-64,image-512; all by default",
        ["--turn"] = "what mpirun is told; not for use by hand",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        if (context.Arguments["--turn"] is { } name)
        {
            (TrainingLoad load, int batchSize) = s_loads.Single(load => load.Load.Name == name);
            Turn(load, batchSize);
            return;
        }
        int ranks = context.Arguments.Count("--ranks") ?? 2, rounds = context.Arguments.Rounds ?? DefaultRounds;
        string[] loads = context.Arguments["--loads"]?.Split(',') ?? [.. s_loads.Select(load => load.Load.Name)];
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            The trainer's own loop in {ranks} processes over Open MPI, one thread and one core each, and in one, with the same batches; in
            turns, {rounds} of each; medians of the rates and of the ratios of neighbouring turns. Beside them the processor time that the
            first process takes for a step, without what passes inside the exchange, where it waits for the other: what a busy machine
            does not change much.
            """));
        var table = new MarkdownTable("Load", "", "one process, steps/s", $"{ranks} processes, steps/s", "times",
            "processor time of a step, ms, one process", $"{ranks} processes", "times");
        context.Report.Add(table);
        foreach ((TrainingLoad load, _) in s_loads.Where(load => loads.Contains(load.Load.Name)))
        {
            double[] one = new double[rounds], several = new double[rounds], cpuOfOne = new double[rounds], cpu = new double[rounds];
            for (int round = 0; round < rounds; round++)
            {
                context.Progress.Show($"ranks, {load.Name}", round, rounds);
                (one[round], cpuOfOne[round]) = Measure(load, 1);
                (several[round], cpu[round]) = Measure(load, ranks);
            }
            double times = Contest.Median([.. several.Zip(one, (more, single) => more / single)]);
            table.Add(load.Name, load.Description, Report.Number(Contest.Median(one)), Report.Number(Contest.Median(several)),
                times.ToString("F2", CultureInfo.InvariantCulture), Report.Number(Contest.Median(cpuOfOne)),
                Report.Number(Contest.Median(cpu)),
                (Contest.Median(cpuOfOne) / Contest.Median(cpu)).ToString("F2", CultureInfo.InvariantCulture));
            context.Report.Add(new Figure($"training.{load.Name}.ranks{ranks}", Contest.Median(several), "steps/s", Contest.Median(one),
                "one process", times));
            context.Save();
        }
    }

    /// <summary>In a rank: trains, and the first one writes steps per second.</summary>
    private static void Turn(TrainingLoad load, int batchSize)
    {
        load.Options.BatchSize = batchSize;
        using MpiExchange mpi = MpiExchange.Open();
        using var threads = new TorchThreads(1);
        long start = 0;
        double cpu = 0;
        var exchange = new Metered(mpi);
        load.Train(torch.CPU, TrainingPrecision.Float32, _ => { }, steps =>
        {
            if (steps == WarmUps)
                (start, cpu) = (Stopwatch.GetTimestamp(), exchange.Own);
            if (steps < WarmUps + load.Steps)
                return true;
            if (mpi.Rank == 0 && steps == WarmUps + load.Steps)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"RATE {load.Steps / Stopwatch.GetElapsedTime(start).TotalSeconds} "
                        + $"CPU {(exchange.Own - cpu) / load.Steps}"));
            }
            return false;
        }, mpi.Ranks > 1 ? exchange : null);
    }

    private static (double StepsPerSecond, double Milliseconds) Measure(TrainingLoad load, int ranks)
    {
        string own = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(own) == "dotnet" ? [own, typeof(RanksBenchmark).Assembly.Location] : [own];
        var start = new ProcessStartInfo("mpirun",
            ["--allow-run-as-root", "--bind-to", "core", "-n", $"{ranks}", .. program, "ranks", "--turn", load.Name])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            // the runtime may have written to the terminal that mpirun makes
            Match rate = Regex.Match(output, @"RATE ([\d.]+) CPU ([\d.]+)");
            return rate.Success ? (double.Parse(rate.Groups[1].ValueSpan, CultureInfo.InvariantCulture),
                double.Parse(rate.Groups[2].ValueSpan, CultureInfo.InvariantCulture))
                : throw new BenchmarkFailedException($"mpirun ended with {process.ExitCode}: {errors.Result}{output}");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or ExternalException)
        {
            throw new BenchmarkFailedException($"mpirun does not start ({e.Message}): install Debian's openmpi-bin.");
        }
    }

    private static (TrainingLoad, int) Images(string name, int batch) => (TrainingLoad.All[1] with
    {
        Name = name, Description = $"1 x 8 x 8, 2 scales, 4 blocks of 32 maps, global batch {batch}", Steps = batch > 256 ? 10 : 20,
    }, batch);

    /// <summary>
    /// An exchange that keeps the processor time of the process outside of it. Within it is that of the thread, which waits: of all
    /// threads it takes as long to ask for as the exchange itself.
    /// </summary>
    private sealed class Metered(IGradientExchange inner) : IGradientExchange
    {
        private double _within;

        public int Rank => inner.Rank;

        public int Ranks => inner.Ranks;

        /// <summary>In milliseconds.</summary>
        public double Own => Environment.CpuUsage.TotalTime.TotalMilliseconds - _within;

        public void Sum(torch.Tensor values) => Within(() => inner.Sum(values));

        public void Broadcast(torch.Tensor values) => Within(() => inner.Broadcast(values));

        public void Abort(string message) => inner.Abort(message);

        private void Within(Action call)
        {
            double before = ThreadTime();
            call();
            _within += ThreadTime() - before;
        }

        private static double ThreadTime()
        {
            const int CpuTimeOfThread = 3;
            return GetTime(CpuTimeOfThread, out Time time) == 0 ? 1e3 * time.Seconds + 1e-6 * time.Nanoseconds
                : throw new BenchmarkFailedException("The system does not tell the processor time of a thread.");
        }

        [DllImport("libc", EntryPoint = "clock_gettime")]
        private static extern int GetTime(int clock, out Time time);

        private readonly record struct Time(nint Seconds, nint Nanoseconds);
    }
}
