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
/// process on each of the cores, for a shared machine's are not equally fast, and with several, one thread and one core each.
/// </summary>
internal sealed class RanksBenchmark : Benchmark
{
    private const int DefaultRounds = 5, WarmUps = 5;

    private static readonly Load[] s_loads =
    [
        new("arithmetic", "no training: 240 times 4 ms of additions, shared, and a sum of 64 numbers over the processes", Arithmetic),
        Training(TrainingLoad.All[0] with { Description = "D = 30, 6 couplings, nets of 3x128, global batch 1,024", Steps = 60 }, 1024),
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
        ["--loads"] = $"some of {string.Join(',', s_loads.Select(load => load.Name))}; all by default",
        ["--turn"] = "what mpirun is told; not for use by hand",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        if (context.Arguments["--turn"] is { } name)
        {
            using MpiExchange mpi = MpiExchange.Open();
            s_loads.Single(load => load.Name == name).Turn(mpi);
            return;
        }
        int ranks = context.Arguments.Count("--ranks") ?? 2, rounds = context.Arguments.Rounds ?? DefaultRounds;
        string[] loads = context.Arguments["--loads"]?.Split(',') ?? [.. s_loads.Select(load => load.Name)];
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            The trainer's own loop in {ranks} processes over Open MPI, one thread and one core each, and in one, with the same batches; in
            turns, {rounds} of each, one process on each of the cores and the mean of these, for a shared machine's cores are not equally
            fast; medians of the rates and of the ratios of neighbouring turns. Beside them the processor time that the first process takes
            for a step, without what passes inside the exchange, where it waits for the other: what a busy machine does not change much.
            The arithmetic reaches {ranks} times where the cores are equally fast and nothing else uses them: it tells what this machine
            lets a training with as many exchanges have.
            """));
        var table = new MarkdownTable("Load", "", "one process, steps/s", $"{ranks} processes, steps/s", "times",
            "processor time of a step, ms, one process", $"{ranks} processes", "times");
        context.Report.Add(table);
        foreach (Load load in s_loads.Where(load => loads.Contains(load.Name)))
        {
            double[] one = new double[rounds], several = new double[rounds], cpuOfOne = new double[rounds], cpu = new double[rounds];
            for (int round = 0; round < rounds; round++)
            {
                context.Progress.Show($"ranks, {load.Name}", round, rounds);
                (several[round], cpu[round]) = Measure(load, ranks, "--bind-to", "core");
                for (int core = 0; core < ranks; core++)
                {
                    (double rate, double time) = Measure(load, 1, "--cpu-list", $"{core % Environment.ProcessorCount}",
                        "--bind-to", "cpu-list:ordered");
                    one[round] += rate / ranks;
                    cpuOfOne[round] += time / ranks;
                }
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
    private static void Train(TrainingLoad load, int batchSize, MpiExchange mpi)
    {
        load.Options.BatchSize = batchSize;
        using var threads = new TorchThreads(1);
        var exchange = new Metered(mpi);
        var watch = new Watch(exchange, load.Steps);
        load.Train(torch.CPU, TrainingPrecision.Float32, _ => { }, watch.Stepped, mpi.Ranks > 1 ? exchange : null);
    }

    /// <summary>In a rank: as many exchanges as a step of images has, and work between them that asks nothing of memory.</summary>
    private static void Arithmetic(MpiExchange mpi)
    {
        const int Exchanges = 240, Additions = 1_000_000;
        var exchange = new Metered(mpi);
        var watch = new Watch(exchange, steps: 20);
        using torch.Tensor numbers = torch.zeros(64, torch.ScalarType.Float64);
        Span<double> own = MemoryMarshal.Cast<byte, double>(numbers.bytes);
        long steps = 0;
        do
        {
            for (int i = 0; i < Exchanges; i++)
            {
                double sum = 0;
                for (int k = 0; k < Additions / mpi.Ranks; k++)
                    sum += k;
                own.Fill(sum);
                if (mpi.Ranks > 1)
                    exchange.Sum(numbers);
            }
        }
        while (watch.Stepped(++steps));
    }

    private static (double StepsPerSecond, double Milliseconds) Measure(Load load, int ranks, params string[] binding)
    {
        string own = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(own) == "dotnet" ? [own, typeof(RanksBenchmark).Assembly.Location] : [own];
        var start = new ProcessStartInfo("mpirun",
            ["--allow-run-as-root", .. binding, "-n", $"{ranks}", .. program, "ranks", "--turn", load.Name])
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

    private static Load Images(string name, int batch) => Training(TrainingLoad.All[1] with
    {
        Name = name,
        Description = $"1 x 8 x 8, 2 scales, 4 blocks of 32 maps, global batch {batch}",
        Steps = batch > 256 ? 10 : batch > 64 ? 20 : 40,
    }, batch);

    private static Load Training(TrainingLoad load, int batch) => new(load.Name, load.Description, mpi => Train(load, batch, mpi));

    /// <summary>Something to measure.</summary>
    /// <param name="Name">The name in figures.</param>
    /// <param name="Description">What is done, in words.</param>
    /// <param name="Turn">Does it in a rank, of which the first one writes steps per second.</param>
    private sealed record Load(string Name, string Description, Action<MpiExchange> Turn);

    /// <summary>Times steps once they are warm. The last one is taken by every rank, so that none is left waiting.</summary>
    private sealed class Watch(Metered exchange, int steps)
    {
        private long _start;
        private double _cpu;

        /// <summary>Is told how many steps were taken, and tells whether to go on.</summary>
        public bool Stepped(long taken)
        {
            if (taken == WarmUps)
                (_start, _cpu) = (Stopwatch.GetTimestamp(), exchange.Own);
            if (taken < WarmUps + steps)
                return true;
            if (exchange.Rank == 0 && taken == WarmUps + steps)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"RATE {steps / Stopwatch.GetElapsedTime(_start).TotalSeconds} CPU {(exchange.Own - _cpu) / steps}"));
            }
            return false;
        }
    }

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
