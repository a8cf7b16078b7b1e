using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>
/// Ranks the anomalies of public sets by the flow's score, on the very splits of published tables, and beside
/// detectors that this run fits itself. Raw features go in and the trainer's defaults are used: nothing is chosen per set.
/// </summary>
internal sealed class AnomalyBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "anomaly";

    /// <inheritdoc/>
    public override string Question => "how well do scores rank anomalies, beside published tables?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => AnomalyArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new AnomalyArguments(context.Arguments);
        var folder = new DataFolder(arguments.Data, arguments.Protocol);
        var flow = new FlowDetector(arguments.Experiment);
        Detector[] detectors =
        [
            flow, new NeighboursDetector("kNN", takesMean: false), new NeighboursDetector("DTE-NP", takesMean: true),
                new GaussianDetector(),
            new LargestDeviationDetector(), new RandomizedPcaDetector(),
        ];
        var log = new MeasurementLog<Measurement>(arguments.Runs);
        SetJobs[] sets = [.. Chosen(folder, arguments).Select(set => new SetJobs(folder, set, arguments, detectors))];

        long start = Stopwatch.GetTimestamp();
        (int done, IReadOnlyCollection<string> failures) = Measure(context.Progress, sets, detectors, log, arguments.Workers);
        double minutes = Stopwatch.GetElapsedTime(start).TotalMinutes;

        SetResult[] results = [.. sets
            .Where(set => set.Splits.All(split => detectors.All(detector => log.Find(set.Keys[detector.Name], split.Seed) is not null)))
            .Select(set => new SetResult(set.Set,
            detectors.ToDictionary(detector => detector.Name, detector => Measured(log, set, detector)),
                Diagnosis.Of(set.Data, set.Splits[0])))];
        int fits = sets.Sum(set => set.Splits.Count);
        context.Report.Add(string.Create(CultureInfo.InvariantCulture,
            $"Protocol {arguments.Protocol}, {sets.Length} sets, {fits} fits, of which {fits - done} were taken from an earlier run; the "
                + $"others took {minutes:F1} minutes, {arguments.Workers} side by side, one thread each."));
        context.Report.Add(arguments.Experiment.IsDefault
            ? $"The trainer's defaults: {Experiment.Describe(arguments.Experiment.Options())}."
            : $"**An experiment, not a result:** the trainer's defaults except for {arguments.Experiment}. No figures.");
        foreach (Detector detector in detectors.Skip(1))
        {
            if (results.Sum(result => result.Runs[detector.Name].Sum(run => run.NonFinite)) is > 0 and int lost)
            {
                context.Report.Add($"{detector.Name} gave no finite score to {lost} rows; its figures leave them out, as ML.NET's own "
                    + "evaluation does.");
            }
        }
        var report = new AnomalyReport(arguments.Protocol, [.. detectors.Select(detector => detector.Name)], results, folder.Published,
            folder.Sets);
        report.AddTables(context.Report);
        if (arguments.Csv is { } csv)
            MeasurementTable.Write(csv, arguments.Protocol, results);

        string[] wrong = [.. failures, .. results.Where(result => result.NonFinite > 0).Select(result => $"{result.Set}: "
            + $"{result.NonFinite} test rows have no finite score.")];
        if (wrong.Length > 0)
            throw new BenchmarkFailedException(string.Join('\n', wrong));
        if (arguments.Experiment.IsDefault)
            report.AddFigures(context.Report);
    }

    private static IReadOnlyList<string> Chosen(DataFolder folder, AnomalyArguments arguments)
    {
        if (arguments.Sets is not { } names)
            return folder.Sets;
        return names.FirstOrDefault(name => !folder.Sets.Contains(name)) is { } unknown
            ? throw new BenchmarkFailedException($"There is no set '{unknown}' with a split for {arguments.Protocol}. There are "
            + $"{string.Join(", ", folder.Sets)}.")
            : [.. folder.Sets.Where(names.Contains)];
    }

    private static IReadOnlyList<Measurement> Measured(MeasurementLog<Measurement> log, SetJobs set, Detector detector)
        => [.. set.Splits.Select(split => log.Find(set.Keys[detector.Name], split.Seed)!)];

    /// <summary>Measures what the log lacks, and says how many splits that were and what went wrong.</summary>
    private static (int Done, IReadOnlyCollection<string> Failures) Measure(
        Progress progress, SetJobs[] sets, Detector[] detectors, MeasurementLog<Measurement> log, int workers)
    {
        // the longest first, so that none is left running alone at the end
        (SetJobs Set, Split Split)[] open = [.. sets.SelectMany(set => set.Splits.Select(split => (set, split)))
            .Where(job => detectors.Any(detector => log.Find(job.set.Keys[detector.Name], job.split.Seed) is null))
            .OrderByDescending(job => job.split.Train.Length)];
        var failures = new ConcurrentBag<string>();
        var showing = new Lock();
        int finished = 0;
        progress.Show($"{open.Length} splits on {Math.Min(workers, open.Length)} workers", 0, Math.Max(1, open.Length));
        Workers.Run(open, workers, job =>
        {
            string name = $"{job.Set.Set}, seed {job.Split.Seed}", outcome = "";
            long start = Stopwatch.GetTimestamp();
            (float[][] Train, float[][] Test)? rows = null; // the same arrays for all detectors
            try
            {
                foreach (Detector detector in detectors)
                {
                    string key = job.Set.Keys[detector.Name];
                    if (log.Find(key, job.Split.Seed) is not { } measurement)
                    {
                        DataSet data = job.Set.Data;
                        (float[][] train, float[][] test) = rows ??= (data.Gather(job.Split.Train), data.Gather(job.Split.Test));
                        log.Add(measurement = Measurement.Of(detector, job.Set.Set, job.Split.Seed, key,
                            data.Anomalies(job.Split.Test), detector.Run(train, test, job.Split.Seed)));
                    }
                    outcome += string.Create(CultureInfo.InvariantCulture, $" {detector.Name} {measurement.Auroc:F2},");
                }
            }
            catch (Exception e)
            {
                failures.Add($"{name}: {e.Message}");
                outcome = " FAILED,";
            }
            lock (showing)
                progress.Show(string.Create(CultureInfo.InvariantCulture,
                    $"{name}:{outcome} {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s"), ++finished, open.Length);
        });
        return (open.Length, failures);
    }
}
