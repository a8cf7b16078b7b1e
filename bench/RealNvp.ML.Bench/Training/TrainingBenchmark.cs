using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Bench.Training;

/// <summary>Optimizer steps per second beside the same flow in PyTorch: the two train in turns in one run.</summary>
internal sealed class TrainingBenchmark : Benchmark
{
    private const string Us = "RealNvp.ML";
    private const int WarmUps = 3, DefaultRounds = 21;

    /// <summary>Worker threads of either side may spin for a while behind a turn.</summary>
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
        int rounds = context.Arguments.Rounds ?? DefaultRounds;
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            The trainer's own loop (forward, backward, clipping, Adam, reading the loss), and the same flow in PyTorch with as many parameters, the same batches and the same
            clipping, in turns; {rounds} turns each, medians of the rates, and the median of the ratios of neighbouring turns. RealNvp.ML has {arguments.Threads} thread(s); PyTorch as
            many or one, and one of its two ways to run Adam: whichever is fastest.
            """));
        var table = new MarkdownTable("Load", "", "parameters", "RealNvp.ML, steps/s", "PyTorch, steps/s", "RealNvp.ML is so many times as fast", "PyTorch is");
        foreach (TrainingLoad load in arguments.Loads)
        {
            using var threads = new TorchThreads(arguments.Threads);
            using var peer = new PyTorchPeer(arguments.Python, load.Name, arguments.Threads);
            (double[] ours, double[] theirs) = TakeTurns(context.Progress, load, peer, rounds);
            double ratio = Contest.Median([.. ours.Zip(theirs, (our, their) => our / their)]);
            table.Add(load.Name, load.Description, peer.Parameters.ToString("N0", CultureInfo.InvariantCulture), Report.Number(Contest.Median(ours)), Report.Number(Contest.Median(theirs)),
                ratio.ToString("F2", CultureInfo.InvariantCulture), peer.Name);
            context.Report.Add(new Figure($"training.{load.Name}", Contest.Median(ours), "steps/s", Contest.Median(theirs), peer.Name, ratio));
        }
        context.Report.Add(table);
    }

    /// <summary>Rates in steps per second, by turn.</summary>
    private static (double[] Ours, double[] Theirs) TakeTurns(Progress progress, TrainingLoad load, PyTorchPeer peer, int rounds)
    {
        var ours = new List<double>();
        var theirs = new List<double>();
        long start = 0;
        load.Train(
            parameters =>
            {
                if (parameters != peer.Parameters)
                    throw new BenchmarkFailedException($"The flows are not the same: {Us} trains {parameters} parameters, PyTorch {peer.Parameters}.");
                start = Stopwatch.GetTimestamp();
            },
            steps =>
            {
                if (steps % load.Steps != 0)
                    return true;
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                int turn = (int)(steps / load.Steps) - WarmUps;
                Thread.Sleep(SettleMilliseconds);
                double peerSeconds = peer.Seconds(load.Steps);
                Thread.Sleep(SettleMilliseconds);
                if (turn > 0)
                {
                    ours.Add(load.Steps / seconds);
                    theirs.Add(load.Steps / peerSeconds);
                    progress.Show($"training {load.Name}", turn, rounds);
                }
                start = Stopwatch.GetTimestamp();
                return turn < rounds;
            });
        return ([.. ours], [.. theirs]);
    }
}
