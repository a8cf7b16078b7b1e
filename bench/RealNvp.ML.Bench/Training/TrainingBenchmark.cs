using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using TorchSharp;

namespace RealNvp.ML.Bench.Training;

/// <summary>Optimizer steps per second beside the same flow in PyTorch: the two train in turns in one run.</summary>
internal sealed class TrainingBenchmark : Benchmark
{
    private const string Us = "RealNvp.ML";
    private const int WarmUps = 3, DefaultRounds = 21;

    /// <summary>Worker threads of either side may spin for a while after a turn.</summary>
    private const int SettleMilliseconds = 50;

    /// <inheritdoc/>
    public override string Name => "training";

    /// <inheritdoc/>
    public override string Question => "how many steps per second does training take, beside PyTorch?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => TrainingArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new TrainingArguments(context.Arguments);
        bool gpu = arguments.Device.type != DeviceType.CPU;
        int rounds = context.Arguments.Rounds ?? DefaultRounds;
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            The trainer's own loop (forward, backward, clipping, Adam, watching the loss) on {arguments.Device}, and the same flow in
            PyTorch with as many parameters, the same
            batches and the same clipping, in turns; {rounds} turns each, medians of the rates, and the median of the ratios of
            neighbouring turns. RealNvp.ML has
            {arguments.Threads} thread(s); PyTorch as many or one, and whichever of its ways to run
            Adam{(gpu ? " and to lay images out in memory" : "")} is fastest.
            """));
        var table = new MarkdownTable(["Load", "", "precision", "parameters", "RealNvp.ML, steps/s", "PyTorch, steps/s",
            "RealNvp.ML is so many times as fast",
            "native calls that yield tensors, per step",
            .. gpu ? ["MiB of GPU memory that RealNvp.ML added (its context first of all)", "that PyTorch reserved"]
            : Array.Empty<string>(),
            "PyTorch is", "PyTorch tried, steps/s"]);
        context.Report.Add(table);
        var clock = Stopwatch.StartNew();
        var failures = new List<string>();
        using var peer = new PyTorchPeer(arguments.Python);
        foreach ((TrainingLoad load, TrainingPrecision precision) in arguments.Loads.SelectMany(load
            => arguments.Precisions.Select(precision => (load, precision))))
        {
            if (clock.Elapsed.TotalSeconds > arguments.Seconds)
            {
                context.Report.Add($"No time was left for {load.Name} in {TrainingArguments.Word(precision)}.");
                continue;
            }
            try
            {
                Measure(context, arguments, load, precision, peer, rounds, table);
            }
            catch (Exception e) when (e is BenchmarkFailedException or ExternalException)
            {
                // the other loads are worth having
                failures.Add($"{load.Name} in {TrainingArguments.Word(precision)}: {e.Message}");
            }
            context.Save();
        }
        if (failures.Count > 0)
            throw new BenchmarkFailedException(string.Join(Environment.NewLine, failures));
    }

    private static void Measure(BenchmarkContext context, TrainingArguments arguments, TrainingLoad load, TrainingPrecision precision,
        PyTorchPeer peer,
        int rounds, MarkdownTable table)
    {
        using var threads = new TorchThreads(arguments.Threads);
        bool gpu = arguments.Device.type != DeviceType.CPU;
        string word = TrainingArguments.Word(precision);
        context.Progress.Show($"training {load.Name} {word}, PyTorch looks for its fastest way", 0, 1);
        peer.Load(load.Name, arguments.DeviceName, word, arguments.Threads);
        double before = gpu ? GpuMemory.UsedMiB() : 0, after = 0;
        long madeBefore = TensorsMade(), steps = 0;
        (double[] ours, double[] theirs) = TakeTurns(context.Progress, load, arguments, precision, peer, rounds,
            count => (steps, after) = (count, gpu ? GpuMemory.UsedMiB() : 0));
        long made = (TensorsMade() - madeBefore) / steps;
        double ratio = Contest.Median([.. ours.Zip(theirs, (our, their) => our / their)]);
        string Whole(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
        table.Add([load.Name, load.Description, word, Whole(peer.Parameters), Report.Number(Contest.Median(ours)),
            Report.Number(Contest.Median(theirs)),
            ratio.ToString("F2", CultureInfo.InvariantCulture), Whole(made),
                .. gpu ? [Whole(after - before), Whole(peer.ReservedMiB())] : Array.Empty<string>(),
            peer.Name, peer.Tried]);
        string name = $"training.{load.Name}{(gpu ? ".gpu" : "")}{(precision == TrainingPrecision.Float32 ? "" : "." + word)}";
        context.Report.Add(new Figure(name, Contest.Median(ours), "steps/s", Contest.Median(theirs), peer.Name, ratio));
    }

    /// <summary>
    /// Tensors that this thread has made: TorchSharp makes one for each result of a native call. Those of the way back stay inside
    /// libtorch.
    /// </summary>
    private static long TensorsMade()
        => DisposeScopeManager.Statistics.TensorStatistics.CreatedInScopeCount
        + DisposeScopeManager.Statistics.TensorStatistics.CreatedOutsideScopeCount;

    /// <summary>Rates in steps per second, by turn.</summary>
    private static (double[] Ours, double[] Theirs) TakeTurns(Progress progress, TrainingLoad load, TrainingArguments arguments,
        TrainingPrecision precision,
        PyTorchPeer peer, int rounds, Action<long> done)
    {
        var ours = new List<double>();
        var theirs = new List<double>();
        bool gpu = arguments.Device.type != DeviceType.CPU;
        long start = 0;
        load.Train(
            arguments.Device,
            precision,
            parameters =>
            {
                if (parameters != peer.Parameters)
                    throw new BenchmarkFailedException($"The flows are not the same: {Us} trains {parameters} parameters, PyTorch "
                        + $"{peer.Parameters}.");
                start = Stopwatch.GetTimestamp();
            },
            steps =>
            {
                if (steps % load.Steps != 0)
                    return true;
                if (gpu)
                    torch.cuda.synchronize(); // a turn ends where its last step has been computed, not where it has been asked for
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                int turn = (int)(steps / load.Steps) - WarmUps;
                Thread.Sleep(SettleMilliseconds);
                double peerSeconds = peer.Seconds(load.Steps);
                Thread.Sleep(SettleMilliseconds);
                if (turn == rounds)
                    done(steps);
                if (turn > 0)
                {
                    ours.Add(load.Steps / seconds);
                    theirs.Add(load.Steps / peerSeconds);
                    progress.Show($"training {load.Name} {TrainingArguments.Word(precision)}", turn, rounds);
                }
                start = Stopwatch.GetTimestamp();
                return turn < rounds;
            });
        return ([.. ours], [.. theirs]);
    }
}
