using System.Globalization;
using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>Turns measurements into tables and figures.</summary>
/// <param name="protocol">Of the splits.</param>
/// <param name="detectors">Who was measured: the flow, then its rivals.</param>
/// <param name="results">All measurements.</param>
/// <param name="published">What papers report.</param>
/// <param name="allSets">Every set of the folder, whether measured or not.</param>
internal sealed class AnomalyReport(string protocol, IReadOnlyList<string> detectors, IReadOnlyList<SetResult> results,
    PublishedResults published, IReadOnlyList<string> allSets)
{
    private const string Auroc = "AUROC", Aupr = "AUPR";

    /// <summary>The figures' rival on a set. One for all: the best of each set would be chosen with the test labels.</summary>
    private const string Rival = "kNN", RivalName = "kNN, published";

    private readonly string[] _allSets = [.. allSets];
    private readonly string[] _sets = [.. results.Select(result => result.Set)];

    /// <summary>Adds all tables.</summary>
    public void AddTables(Report report)
    {
        report.Add($"## {Auroc}, percent");
        report.Add(RankTable(Auroc, measurement => measurement.Auroc));
        report.Add($"## {Aupr} (average precision), percent");
        report.Add(RankTable(Aupr, measurement => measurement.Aupr));
        report.Add("## Recall at 1 % false alarms, percent\n\nOf the anomalies, above the lowest threshold that flags at most 1 % of the "
            + "normal test rows.");
        report.Add(RankTable("Recall", measurement => measurement.Recall));
        report.Add("## Ranks and wins\n\nBy AUROC, of the detectors of this run: the mean rank over sets (1 is best, equal ones share), "
            + "and on how many sets the flow is ahead.");
        report.Add(Ranks());
        report.Add("## Two halves\n\nDefaults are chosen on one half of the sets and confirmed on the other: in alphabetical order the "
            + "1st, 3rd, ... and the 2nd, 4th, ...");
        report.Add(Halves());
        report.Add("""
            ## Where a likelihood ranks badly

            Of the first split's training rows: constant columns, the share of other columns that are discrete (at most 20 values, or one
            per 20 rows), the share of rows that repeat an earlier one. By typicality: the AUROC of |score - mean held-out score|. Shift of
            normals: the median score of the fresh normal rows less the mean held-out score, in standard deviations of the held-out scores;
            far from 0, the test rows that are called normal are not like the training rows, and no density of those can rank them well.
            Nats gained: by how much the mean of the fresh normal rows is more likely than by the flow before its first step.
            Seconds are per fit on one thread, all members, other fits running beside it; scoring is of all test rows.
            """);
        report.Add(Diagnoses());
        Measurement[] flows = [.. results.SelectMany(result => result.Flow)];
        report.Add($"Of {Whole(flows.Length)} flows {Whole(flows.Count(flow => flow.Gain < 0))} are worse on the mean of the fresh normal "
            + "rows than they were before their first step.");
    }

    /// <summary>Adds the mean and one figure per set.</summary>
    public void AddFigures(Report report)
    {
        AddMean(report, "mean_auroc", Auroc, Metric);
        AddMean(report, "mean_aupr", Aupr, measurement => measurement.Aupr);
        foreach (SetResult result in results)
        {
            double value = SetResult.Mean(result.Flow, Metric);
            report.Add(published.Value(Auroc, Rival, result.Set) is { } rival
                ? Percent($"{result.Set}.auroc", value, RivalName, rival)
                : Percent($"{result.Set}.auroc", value, "kNN, same splits", SetResult.Mean(result.Runs["kNN"], Metric)));
        }
    }

    /// <summary>A mean beside the best of all rivals' means over the same sets, published or of this run.</summary>
    private void AddMean(Report report, string name, string metric, Func<Measurement, double> value)
    {
        (string Rival, double Mean) best = detectors.Skip(1).Select(detector => ($"{detector}, same splits", MeanOf(detector, value)))
            .MaxBy(pair => pair.Item2);
        if (published.Best(metric, _sets) is { } known && known.Mean > best.Mean)
            best = ($"{known.Algorithm}, the best published mean over the same {_sets.Length} sets", known.Mean);
        report.Add(Percent(name, MeanOf(detectors[0], value), best.Rival, best.Mean));
    }

    private static double Metric(Measurement measurement) => measurement.Auroc;

    private double MeanOf(string detector, Func<Measurement, double> metric) => MeanOf(results, detector, metric);

    private static double MeanOf(IEnumerable<SetResult> sets, string detector, Func<Measurement, double> metric)
        => sets.Select(result => SetResult.Mean(result.Runs[detector], metric)).DefaultIfEmpty(double.NaN).Average();

    private Figure Percent(string name, double value, string baselineName, double baseline)
        => new($"anomaly.{protocol}.{name}", value, "%", baseline, baselineName, value / baseline);

    /// <summary>The shown algorithms of which anything is published under a metric.</summary>
    private (string Algorithm, string Name)[] Columns(string metric)
        => [.. PublishedResults.Shown.Where(column => _sets.Any(set => published.Value(metric, column.Algorithm, set) is not null))];

    private MarkdownTable RankTable(string metric, Func<Measurement, double> value)
    {
        (string Algorithm, string Name)[] columns = Columns(metric);
        var table = new MarkdownTable(["Set", detectors[0], "sd of seeds", .. detectors.Skip(1), .. columns.Select(Published)]);
        foreach (SetResult result in results)
        {
            table.Add([result.Set, Two(SetResult.Mean(result.Flow, value)), Two(SetResult.Deviation(result.Flow, value)),
                .. detectors.Skip(1).Select(detector => Two(SetResult.Mean(result.Runs[detector], value))),
                .. columns.Select(column => Two(published.Value(metric, column.Algorithm, result.Set)))]);
        }
        table.Add([$"mean of {_sets.Length}", Two(MeanOf(detectors[0], value)), "",
            .. detectors.Skip(1).Select(detector => Two(MeanOf(detector, value))),
            .. columns.Select(column => Two(published.Mean(metric, column.Algorithm, _sets)))]);
        return table;
    }

    private MarkdownTable Ranks()
    {
        var table = new MarkdownTable(["By AUROC", .. detectors]);
        double Value(SetResult result, string detector) => SetResult.Mean(result.Runs[detector], Metric);
        double Rank(SetResult result, string detector)
            => 1 + detectors.Sum(other => Value(result, other) > Value(result, detector) ? 1
                : other != detector && Value(result, other) == Value(result, detector) ? 0.5 : 0);
        table.Add(["mean rank", .. detectors.Select(detector
            => Two(results.Select(result => Rank(result, detector)).DefaultIfEmpty(double.NaN).Average()))]);
        table.Add([$"{detectors[0]} ahead on", "", .. detectors.Skip(1).Select(detector
            => $"{results.Count(result => Value(result, detectors[0]) > Value(result, detector))} of {results.Count}")]);
        return table;
    }

    private static string Published((string Algorithm, string Name) column) => $"{column.Name}, published";

    private MarkdownTable Halves()
    {
        (string Algorithm, string Name)[] columns = Columns(Auroc);
        var table = new MarkdownTable(["AUROC, mean", "Sets", .. detectors, .. columns.Select(Published)]);
        foreach ((string name, int half) in new[] { ("choose", 0), ("confirm", 1) })
        {
            // by the place among all sets of the folder, so that a run of some sets divides them as a run of all
            SetResult[] part = [.. results.Where(result => Array.IndexOf(_allSets, result.Set) % 2 == half)];
            string[] sets = [.. part.Select(result => result.Set)];
            table.Add([name, $"{part.Length}", .. detectors.Select(detector => Two(MeanOf(part, detector, Metric))),
                .. columns.Select(column => Two(published.Mean(Auroc, column.Algorithm, sets)))]);
        }
        return table;
    }

    private MarkdownTable Diagnoses()
    {
        var table = new MarkdownTable("Set", "Rows", "Training rows", "Features", "Constant", "Discrete", "Repeated rows", "AUROC",
            "above kNN", "by typicality", "shift of normals", "nats gained", "s per fit", "s per scoring");
        foreach (SetResult result in results)
        {
            Diagnosis traits = result.Diagnosis;
            double auroc = SetResult.Mean(result.Flow, Metric);
            table.Add(result.Set, Whole(traits.Rows), Whole(traits.Training), Whole(traits.Features), Whole(traits.Constant),
                $"{traits.Discrete:P0}", $"{traits.Duplicate:P0}",
                Two(auroc), Two(auroc - SetResult.Mean(result.Runs["kNN"], Metric)),
                Two(SetResult.Mean(result.Flow, run => run.TypicalityAuroc)), Two(SetResult.Mean(result.Flow, run => run.Shift)),
                Two(SetResult.Mean(result.Flow, run => run.Gain)),
                One(SetResult.Mean(result.Flow, run => run.FitSeconds)), One(SetResult.Mean(result.Flow, run => run.ScoreSeconds)));
        }
        return table;
    }

    private static string Two(double? value)
        => value is { } number && !double.IsNaN(number) ? number.ToString("F2", CultureInfo.InvariantCulture) : "-";

    private static string One(double value) => value.ToString("F1", CultureInfo.InvariantCulture);

    private static string Whole(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
