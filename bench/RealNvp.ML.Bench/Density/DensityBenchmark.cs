using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Density;

/// <summary>
/// Fits public tables by the protocol of RNADE (Uria, Murray, Larochelle, NIPS 2013): ten folds, each normalised by its training rows, one
/// set of options for all sets.
/// </summary>
internal sealed class DensityBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "density";

    /// <inheritdoc/>
    public override string Question => "how likely are held-out rows of public tables, beside published models?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => DensityArguments.Help;

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Flags => [DensityArguments.Ensemble];

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new DensityArguments(context.Arguments);
        Experiment experiment = arguments.Experiment;
        DensitySet[] sets = [.. arguments.Sets.Select(set => DensitySet.Read(arguments.Folder, set))];
        var log = new MeasurementLog<DensityFit>(arguments.Runs);

        long start = Stopwatch.GetTimestamp();
        (int done, IReadOnlyCollection<string> failures) = Measure(context.Progress, sets, arguments, log);
        double minutes = Stopwatch.GetElapsedTime(start).TotalMinutes;

        DensityResult[] results = [.. sets.Select(set => new DensityResult(set,
            [.. Enumerable.Range(0, arguments.Folds)
                .Select(fold => log.Find(DensityFit.KeyOf(set, experiment), fold)).OfType<DensityFit>()]))];
        int fits = sets.Length * arguments.Folds;
        context.Report.Add(string.Create(CultureInfo.InvariantCulture,
            $"{sets.Length} sets, {fits} fits, of which {fits - done} were taken from an earlier run; the others took {minutes:F1} "
                + $"minutes, {Math.Min(arguments.Workers, fits)} side by side, one thread each."));
        context.Report.Add((experiment.IsDefault ? "One set of options for all: "
            : $"**An experiment, not a result:** {experiment}. No test figures. ") + Experiment.Describe(experiment.Options()) + ".");
        var report = new DensityReport(results);
        report.AddTables(context.Report, experiment.IsDefault);
        if (failures.Count > 0)
            throw new BenchmarkFailedException(string.Join('\n', failures));
        if (experiment.IsDefault && arguments.Folds == DensitySet.Folds)
            report.AddFigures(context.Report);
    }

    /// <summary>Fits what the log lacks, and says how many folds that were and what went wrong.</summary>
    private static (int Done, IReadOnlyCollection<string> Failures) Measure(Progress progress, DensitySet[] sets,
        DensityArguments arguments, MeasurementLog<DensityFit> log)
    {
        // fold by fold, so that an interrupted run has some of every set
        (DensitySet Set, int Fold)[] open = [.. Enumerable.Range(0, arguments.Folds).SelectMany(fold => sets.Select(set => (set, fold)))
            .Where(job => log.Find(DensityFit.KeyOf(job.set, arguments.Experiment), job.fold) is null)];
        var failures = new ConcurrentBag<string>();
        var showing = new Lock();
        int finished = 0;
        progress.Show($"{open.Length} folds on {Math.Min(arguments.Workers, open.Length)} workers", 0, Math.Max(1, open.Length));
        Workers.Run(open, arguments.Workers, job =>
        {
            string outcome;
            try
            {
                DensityFit fit = DensityFit.Of(job.Set, job.Fold, arguments.Experiment);
                log.Add(fit);
                outcome = string.Create(CultureInfo.InvariantCulture,
                    $"training {fit.Training:F3}, validation {fit.Validation:F3}, test {fit.Single:F3}, mixture {fit.Mixture:F3} nats, "
                        + $"{fit.Steps} steps, {fit.Seconds:F0} s");
            }
            catch (Exception e)
            {
                failures.Add($"{job.Set.Name}, fold {job.Fold}: {e.Message}");
                outcome = "FAILED";
            }
            lock (showing)
                progress.Show($"{job.Set.Name}, fold {job.Fold}: {outcome}", ++finished, open.Length);
        });
        return (open.Length, failures);
    }
}
