using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Training;

/// <summary>
/// What a mixture takes, side by side and one member after the other, beside one flow: the whole of <c>Fit</c>, in turns.
/// </summary>
internal sealed class MembersBenchmark : Benchmark
{
    private const int Members = 4, DefaultRounds = 5, Rows = 4000;

    /// <inheritdoc/>
    public override string Name => "members";

    /// <inheritdoc/>
    public override string Question => "how many times as long as one flow does a mixture of four train?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--loads"] = "some of tabular,image; both by default",
        ["--scale"] = "so many times the steps; 1 by default",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        int rounds = context.Arguments.Rounds ?? DefaultRounds, scale = context.Arguments.Count("--scale") ?? 1;
        string[] loads = (context.Arguments["--loads"] ?? "tabular,image").Split(',');
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            Fit of one flow, of {Members} side by side and of {Members} one after the other, one thread of libtorch each, in turns;
            {rounds} turns, medians of the times, of their ratios within a turn, of the processor times and of the peaks of the process's
            memory. Where the machine is busy with other work, the processor times tell more.
            {Environment.ProcessorCount} cores.
            """));
        var table = new MarkdownTable("Load", "", "seconds", "times one flow", "processor seconds", "times one flow",
            "peak memory, MiB");
        context.Report.Add(table);
        foreach (TrainingLoad load in TrainingLoad.All.Where(load => loads.Contains(load.Name)))
        {
            int steps = scale * (load.Shape.IsImage ? 30 : 500);
            (string Name, int Members, int? AtOnce)[] ways =
            [
                ("one flow", 1, null), ($"{Members} side by side", Members, null), ($"{Members} one after the other", Members, 1),
            ];
            var seconds = ways.ToDictionary(way => way.Name, _ => new List<double>());
            var cpu = ways.ToDictionary(way => way.Name, _ => new List<double>());
            var peaks = ways.ToDictionary(way => way.Name, _ => new List<double>());
            for (int round = -1; round < rounds; round++)
            {
                context.Progress.Show($"members, {load.Name}", Math.Max(0, round), rounds);
                foreach ((string name, int members, int? atOnce) in ways)
                {
                    (double time, double processor, double peak) = Fit(load, round < 0 ? 5 : steps, members, atOnce);
                    if (round < 0)
                        continue; // code is compiled
                    seconds[name].Add(time);
                    cpu[name].Add(processor);
                    peaks[name].Add(peak);
                }
            }
            double[] one = [.. seconds["one flow"]];
            double Times(string name) => Contest.Median([.. seconds[name].Zip(one, (time, single) => time / single)]);
            foreach ((string name, _, _) in ways)
            {
                table.Add($"{load.Name}, {steps} steps", name, Report.Number(Contest.Median([.. seconds[name]])),
                    Times(name).ToString("F2", CultureInfo.InvariantCulture), Report.Number(Contest.Median([.. cpu[name]])),
                    (Contest.Median([.. cpu[name]]) / Contest.Median([.. cpu[ways[0].Name]])).ToString("F2", CultureInfo.InvariantCulture),
                    Contest.Median([.. peaks[name]]).ToString("N0", CultureInfo.InvariantCulture));
            }
            string together = ways[1].Name;
            context.Report.Add(new Figure($"training.{load.Name}.members", Contest.Median([.. seconds[together]]), "s",
                Contest.Median([.. seconds[ways[2].Name]]), ways[2].Name,
                Contest.Median([.. seconds[ways[2].Name].Zip(seconds[together], (after, beside) => after / beside)])));
            context.Save();
        }
    }

    private static (double Seconds, double Processor, double PeakMiB) Fit(TrainingLoad load, int steps, int members, int? atOnce)
    {
        var ml = new MLContext(seed: 1);
        RealNvpTrainer.Options options = load.Options;
        (options.Steps, options.Members, options.MembersAtOnce, options.Threads, options.Patience) = (steps, members, atOnce, 1, 0);
        IDataView rows = RowsOf(ml, load);
        GC.Collect();
        PeakMemory.Reset();
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds, PeakMemory.MiB());
    }

    private static IDataView RowsOf(MLContext ml, TrainingLoad load)
    {
        var random = new Random(1);
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, load.Shape.Dimensions);
        float Value() => load.Levels > 0 ? random.Next(load.Levels) : (float)(random.NextDouble() + random.NextDouble());
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, Rows).Select(_
            => new Row { Features = [.. Enumerable.Range(0, load.Shape.Size).Select(_ => Value())] }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
