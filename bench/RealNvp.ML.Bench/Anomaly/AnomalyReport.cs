using System.Globalization;
using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>Turns measurements into tables and figures.</summary>
internal sealed class AnomalyReport(string protocol, IReadOnlyList<SetResult> results, PublishedResults published,
    IReadOnlyList<string> allSets)
{
    private const string Auroc = "AUROC", Aupr = "AUPR";

    /// <summary>The figures' rival on a set. One for all: the best of each set would be chosen with the test labels.</summary>
    private const string Rival = "KNN", RivalName = "kNN, published";

    private readonly string[] _allSets = [.. allSets];
    private readonly string[] _sets = [.. results.Select(result => result.Set)];

    /// <summary>Adds all tables.</summary>
    public void AddTables(Report report)
    {
        report.Add($"## {Auroc}, percent");
        report.Add(RankTable(Auroc, measurement => measurement.Auroc));
        report.Add($"## {Aupr} (average precision), percent");
        report.Add(RankTable(Aupr, measurement => measurement.Aupr));
        report.Add("## Two halves\n\nDefaults are chosen on one half of the sets and confirmed on the other: in alphabetical order the "
            + "1st, 3rd, ... and the 2nd, 4th, ...");
        report.Add(Halves());
        report.Add("""
            ## Where a likelihood ranks badly

            Of the first split's training rows: constant columns, the share of other columns that are discrete (at most 20 values, or one
            per 20 rows), the
            share of rows that repeat an earlier one. By typicality: the AUROC of |score - mean held-out score|. Shift of normals: the
            median score of the fresh
            normal rows less the mean held-out score, in standard deviations of the held-out scores; far from 0, the test rows that are
            called normal
            are not like the training rows, and no density of those can rank them well. Seconds are per fit on one thread, all members,
            other fits running beside it; scoring is of all test rows.
            """);
        report.Add(Diagnoses());
    }

    /// <summary>Adds the mean and one figure per set.</summary>
    public void AddFigures(Report report)
    {
        double mean = MeanOf(results, result => result.Flow, Metric);
        double pca = MeanOf(results, result => result.Pca, Metric);
        (string name, double baseline) = published.Best(Auroc, _sets) is { } best
            ? ($"{best.Algorithm}, the best published mean over the same {_sets.Length} sets", best.Mean)
            : ("ML.NET's RandomizedPca, same splits", pca);
        report.Add(Percent("mean_auroc", mean, name, baseline));
        foreach (SetResult result in results)
        {
            double value = SetResult.Mean(result.Flow, Metric);
            report.Add(published.Value(Auroc, Rival, result.Set) is { } rival
                ? Percent($"{result.Set}.auroc", value, RivalName, rival)
                : Percent($"{result.Set}.auroc", value, "ML.NET's RandomizedPca, same splits", SetResult.Mean(result.Pca, Metric)));
        }
    }

    private static double Metric(Measurement measurement) => measurement.Auroc;

    private static double MeanOf(IEnumerable<SetResult> sets, Func<SetResult, IReadOnlyList<Measurement>> whose, Func<Measurement,
        double> metric)
        => sets.Select(result => SetResult.Mean(whose(result), metric)).DefaultIfEmpty(double.NaN).Average();

    private Figure Percent(string name, double value, string baselineName, double baseline)
        => new($"anomaly.{protocol}.{name}", value, "%", baseline, baselineName, value / baseline);

    /// <summary>The shown algorithms of which anything is published under a metric.</summary>
    private (string Algorithm, string Name)[] Columns(string metric)
        => [.. PublishedResults.Shown.Where(column => _sets.Any(set => published.Value(metric, column.Algorithm, set) is not null))];

    private MarkdownTable RankTable(string metric, Func<Measurement, double> value)
    {
        (string Algorithm, string Name)[] columns = Columns(metric);
        var table = new MarkdownTable(["Set", "RealNvp", "sd of seeds", "RandomizedPca", .. columns.Select(column => column.Name)]);
        foreach (SetResult result in results)
        {
            table.Add([result.Set, Two(SetResult.Mean(result.Flow, value)), Two(SetResult.Deviation(result.Flow, value)),
                Two(SetResult.Mean(result.Pca, value)),
                .. columns.Select(column => Two(published.Value(metric, column.Algorithm, result.Set)))]);
        }
        table.Add([$"mean of {_sets.Length}", Two(MeanOf(results, result => result.Flow, value)), "",
            Two(MeanOf(results, result => result.Pca, value)),
            .. columns.Select(column => Two(published.Mean(metric, column.Algorithm, _sets)))]);
        return table;
    }

    private MarkdownTable Halves()
    {
        (string Algorithm, string Name)[] columns = Columns(Auroc);
        var table = new MarkdownTable(["AUROC, mean", "Sets", "RealNvp", "RandomizedPca", .. columns.Select(column => column.Name)]);
        foreach ((string name, int half) in new[] { ("choose", 0), ("confirm", 1) })
        {
            // by the place among all sets of the folder, so that a run of some sets divides them as a run of all
            SetResult[] part = [.. results.Where(result => Array.IndexOf(_allSets, result.Set) % 2 == half)];
            string[] sets = [.. part.Select(result => result.Set)];
            table.Add([name, $"{part.Length}", Two(MeanOf(part, result => result.Flow, Metric)),
                Two(MeanOf(part, result => result.Pca, Metric)),
                .. columns.Select(column => Two(published.Mean(Auroc, column.Algorithm, sets)))]);
        }
        return table;
    }

    private MarkdownTable Diagnoses()
    {
        var table = new MarkdownTable("Set", "Rows", "Training rows", "Features", "Constant", "Discrete", "Repeated rows", "AUROC",
            "above kNN", "by typicality", "shift of normals", "s per fit", "s per scoring");
        foreach (SetResult result in results)
        {
            Diagnosis traits = result.Diagnosis;
            double auroc = SetResult.Mean(result.Flow, Metric);
            table.Add(result.Set, Whole(traits.Rows), Whole(traits.Training), Whole(traits.Features), Whole(traits.Constant),
                $"{traits.Discrete:P0}", $"{traits.Duplicate:P0}",
                Two(auroc), Two(auroc - published.Value(Auroc, Rival, result.Set)),
                Two(SetResult.Mean(result.Flow, run => run.TypicalityAuroc)), Two(SetResult.Mean(result.Flow, run => run.Shift)),
                One(SetResult.Mean(result.Flow, run => run.FitSeconds)), One(SetResult.Mean(result.Flow, run => run.ScoreSeconds)));
        }
        return table;
    }

    private static string Two(double? value)
        => value is { } number && !double.IsNaN(number) ? number.ToString("F2", CultureInfo.InvariantCulture) : "-";

    private static string One(double value) => value.ToString("F1", CultureInfo.InvariantCulture);

    private static string Whole(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
