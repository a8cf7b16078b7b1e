using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Conditional;

/// <summary>
/// Fits the distribution of a target given features on public tables, by the protocol and the splits of Hernández-Lobato and Adams (ICML
/// 2015), one set of options for all tables.
/// </summary>
internal sealed class ConditionalBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "conditional";

    /// <inheritdoc/>
    public override string Question => "how likely are targets given features, and do intervals cover what they say?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => ConditionalArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new ConditionalArguments(context.Arguments);
        Experiment experiment = arguments.Experiment;
        RegressionSet[] sets = [.. arguments.Sets.Select(set => RegressionSet.Read(arguments.Folder, set))];
        var log = new MeasurementLog<RegressionFit>(arguments.Runs);

        long start = Stopwatch.GetTimestamp();
        (int done, IReadOnlyCollection<string> failures) = Measure(context.Progress, sets, arguments, log);
        double minutes = Stopwatch.GetElapsedTime(start).TotalMinutes;

        RegressionResult[] results = [.. sets.Select(set => new RegressionResult(set,
            [.. Enumerable.Range(0, arguments.SplitsOf(set))
                .Select(split => log.Find(RegressionFit.KeyOf(set, experiment), split)).OfType<RegressionFit>()]))];
        int fits = sets.Sum(arguments.SplitsOf);
        context.Report.Add(string.Create(CultureInfo.InvariantCulture,
            $"{sets.Length} tables, {fits} fits, of which {fits - done} were taken from an earlier run; the others took {minutes:F1} "
                + $"minutes, {Math.Min(arguments.Workers, fits)} side by side, one thread each."));
        context.Report.Add((experiment.IsDefault ? "One set of options for all: "
            : $"**An experiment, not a result:** {experiment}. No test figures. ") + Experiment.Describe(experiment.Options()) + ".");
        var report = new ConditionalReport(results);
        report.AddTables(context.Report, experiment.IsDefault);
        if (failures.Count > 0)
            throw new BenchmarkFailedException(string.Join('\n', failures));
        if (experiment.IsDefault && sets.All(set => arguments.SplitsOf(set) >= ConditionalArguments.UsualSplits(set)))
            report.AddFigures(context.Report);
    }

    /// <summary>Fits what the log lacks, and says how many splits that were and what went wrong.</summary>
    private static (int Done, IReadOnlyCollection<string> Failures) Measure(Progress progress, RegressionSet[] sets,
        ConditionalArguments arguments, MeasurementLog<RegressionFit> log)
    {
        // split by split, so that an interrupted run has some of every table
        (RegressionSet Set, int Split)[] open = [.. sets.SelectMany(set => Enumerable.Range(0, arguments.SplitsOf(set))
            .Select(split => (set, split))).Where(job => log.Find(RegressionFit.KeyOf(job.set, arguments.Experiment), job.split) is null)
            .OrderBy(job => job.split)];
        var failures = new ConcurrentBag<string>();
        var showing = new Lock();
        int finished = 0;
        progress.Show($"{open.Length} fits on {Math.Min(arguments.Workers, open.Length)} workers", 0, Math.Max(1, open.Length));
        Workers.Run(open, arguments.Workers, job =>
        {
            string outcome;
            try
            {
                RegressionFit fit = RegressionFit.Of(job.Set, job.Split, arguments.Experiment);
                log.Add(fit);
                outcome = string.Create(CultureInfo.InvariantCulture, $"validation {fit.Validation:F3}, test {fit.LogLikelihood:F3} nats, "
                    + $"coverage {fit.Coverage:P1}, {fit.Steps} steps, {fit.Seconds:F0} s");
            }
            catch (Exception e)
            {
                failures.Add($"{job.Set.Name}, split {job.Split}: {e.Message}");
                outcome = "FAILED";
            }
            lock (showing)
                progress.Show($"{job.Set.Name}, split {job.Split}: {outcome}", ++finished, open.Length);
        });
        return (open.Length, failures);
    }
}
