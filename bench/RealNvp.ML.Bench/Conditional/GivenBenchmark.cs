using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Bench.Scoring;
using RealNvp.ML.Bench.Training;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms;
using TorchSharp;

namespace RealNvp.ML.Bench.Conditional;

/// <summary>
/// What a condition costs: training and scoring of flows with one beside a plain flow of the same size, in turns, on one thread.
/// </summary>
internal sealed class GivenBenchmark : Benchmark
{
    private const string Plain = "no condition";
    private const int Values = 3, DefaultRounds = 21, WarmUps = 5, Trained = 1000;

    private static readonly (string Name, string Suffix, int Values, double Dropout)[] s_ways =
    [
        (Plain, "", 0, 0), ($"{Values} values", "", Values, 0), ($"{Values} values that may be unknown", ".unknown", Values, 0.2),
    ];

    /// <inheritdoc/>
    public override string Name => "given";

    /// <inheritdoc/>
    public override string Question => "how fast are flows with a condition, beside plain ones of the same size?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--loads"] = "some of tabular,image; both by default",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        int rounds = context.Arguments.Rounds ?? DefaultRounds;
        string[] names = (context.Arguments["--loads"] ?? "tabular,image").Split(',');
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            Steps of the trainer's own loop, and rows of a pipeline of which all five columns are read, by a plain flow and by flows of the
            same size with a condition, in turns on one thread, {rounds} of each; medians of the rates, and of the ratios within a turn. The
            last column is the ratio of the processor times of a step, which other work on the machine changes less.
            """));
        var table = new MarkdownTable("Flow", "Condition", "training, steps/s", "of the plain flow's", "scoring, rows/s",
            "of the plain flow's", "processor time of a step, plain flow's over its own");
        context.Report.Add(table);
        foreach (TrainingLoad load in TrainingLoad.All.Where(load => names.Contains(load.Name)))
        {
            Measure(context, table, load, rounds);
            context.Save();
        }
    }

    private static void Measure(BenchmarkContext context, MarkdownTable table, TrainingLoad load, int rounds)
    {
        var steps = s_ways.ToDictionary(way => way.Name, _ => new double[rounds]);
        var processor = s_ways.ToDictionary(way => way.Name, _ => new double[rounds]);
        using (new TorchThreads(1))
        {
            var order = new Random(1);
            for (int round = -1; round < rounds; round++)
            {
                context.Progress.Show($"training {load.Name}", Math.Max(0, round), rounds);
                (string Name, string, int Values, double Dropout)[] turn = [.. s_ways];
                order.Shuffle(turn);
                foreach ((string name, _, int values, double dropout) in turn)
                {
                    (double rate, double milliseconds) = Train(load, values, dropout);
                    if (round >= 0) // the first compiles code
                        (steps[name][round], processor[name][round]) = (rate, milliseconds);
                }
            }
        }
        Contest scoring = Score(context, load, rounds);
        foreach ((string name, string suffix, _, _) in s_ways)
        {
            double trains = Contest.Median([.. steps[name].Zip(steps[Plain], (own, plain) => own / plain)]);
            double takes = Contest.Median([.. processor[Plain].Zip(processor[name], (plain, own) => plain / own)]);
            table.Add(load.Description, name, Report.Number(Contest.Median(steps[name])), Two(trains),
                Report.Number(scoring.Rate(name)), Two(scoring.Ratio(name, Plain)), Two(takes));
            if (name == Plain)
                continue;
            context.Report.Add(new Figure($"conditional.training.{load.Name}{suffix}", Contest.Median(steps[name]), "steps/s",
                Contest.Median(steps[Plain]), Plain, trains));
            context.Report.Add(new Figure($"conditional.scoring.{load.Name}{suffix}", scoring.Rate(name), "rows/s", scoring.Rate(Plain),
                Plain, scoring.Ratio(name, Plain)));
        }
    }

    /// <summary>Steps per second of one turn, and the processor time of a step in milliseconds.</summary>
    private static (double StepsPerSecond, double Milliseconds) Train(TrainingLoad load, int values, double dropout)
    {
        load.Options.ConditionDropout = dropout;
        (long start, TimeSpan cpu, double rate, double milliseconds) = (0L, TimeSpan.Zero, 0.0, 0.0);
        (load with { Conditions = values }).Train(torch.CPU, TrainingPrecision.Float32, _ => { }, taken =>
        {
            if (taken == WarmUps)
                (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            if (taken < WarmUps + load.Steps)
                return true;
            rate = load.Steps / Stopwatch.GetElapsedTime(start).TotalSeconds;
            milliseconds = (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / load.Steps;
            return false;
        });
        return (rate, milliseconds);
    }

    /// <summary>Scores through flows that were trained for two steps: what running them costs does not depend on what they know.</summary>
    private static Contest Score(BenchmarkContext context, TrainingLoad load, int rounds)
    {
        int rows = load.Shape.IsImage ? 64 : 40_000;
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.Cache(View(ml, load, Math.Max(rows, Trained)));
        var flows = new List<RealNvpTransformer>();
        try
        {
            foreach ((_, _, int values, double dropout) in s_ways)
            {
                RealNvpTrainer.Options options = load.Options;
                (options.Steps, options.Threads, options.Seed) = (2, 1, 1);
                (options.ConditionColumnName, options.ConditionDropout) = (values > 0 ? nameof(Row.Condition) : null, dropout);
                flows.Add(ml.AnomalyDetection.Trainers.RealNvp(options).Fit(ml.Data.TakeRows(data, Trained)));
                (options.ConditionColumnName, options.ConditionDropout) = (null, 0);
            }
            IDataView[] scored = [.. flows.Select(flow => flow.Transform(data))];
            return Contest.Run(context.Progress, $"scoring {load.Name}", rounds, [.. s_ways.Select((way, i)
                => new Contender(way.Name, rows, count => Cores.Limited(1, () => ScoredReader.Read(scored[i], count))))]);
        }
        finally
        {
            flows.ForEach(flow => flow.Dispose());
        }
    }

    private static IDataView View(MLContext ml, TrainingLoad load, int count)
    {
        var random = new Random(1);
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, load.Shape.Dimensions);
        schema[nameof(Row.Condition)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Values);
        float Feature() => load.Levels > 0 ? random.Next(load.Levels) : (float)(random.NextDouble() + random.NextDouble());
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(_ => new Row
        {
            Features = [.. Enumerable.Range(0, load.Shape.Size).Select(_ => Feature())],
            Condition = [.. Enumerable.Range(0, Values).Select(_ => random.NextSingle())],
        }).ToArray(), schema);
    }

    private static string Two(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        public float[] Condition { get; set; } = [];
    }
}
