using System.Globalization;
using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Conditional;

/// <summary>A table and its fits, one per split.</summary>
internal sealed record RegressionResult(RegressionSet Set, IReadOnlyList<RegressionFit> Fits)
{
    /// <summary>The mean over splits.</summary>
    public double Mean(Func<RegressionFit, double> value) => Fits.Select(value).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Its standard error.</summary>
    public double Error(Func<RegressionFit, double> value)
        => Math.Sqrt(Fits.Sum(fit => Math.Pow(value(fit) - Mean(value), 2)) / (Fits.Count - 1) / Fits.Count);
}

/// <summary>Turns fits into tables and figures.</summary>
internal sealed class ConditionalReport(IReadOnlyList<RegressionResult> results)
{
    /// <summary>Adds all tables; those of the test only where it may be seen.</summary>
    public void AddTables(Report report, bool withTest)
    {
        if (withTest)
            AddTest(report);
        report.Add("## The fits\n\nMeans over splits, nats; seconds are per fit on one thread, all members.");
        var table = new MarkdownTable("Table", "Rows", "Features", "Splits", "Validation", "Steps", "Seconds");
        foreach (RegressionResult result in results)
        {
            table.Add(result.Set.Name, $"{result.Set.Rows}", $"{result.Set.Features}", $"{result.Fits.Count}",
                Three(result.Mean(fit => fit.Validation)), Whole(result.Mean(fit => fit.Steps)), Whole(result.Mean(fit => fit.Seconds)));
        }
        report.Add(table);
    }

    /// <summary>
    /// Adds two figures per table. The ratio of a log-likelihood is that of densities, of a coverage what it has of what was asked for.
    /// </summary>
    public void AddFigures(Report report)
    {
        foreach (RegressionResult result in results)
        {
            (double best, string whose) = PublishedRegressions.All.GetValueOrDefault(result.Set.Name)?.Best
                ?? (result.Mean(fit => fit.Gaussian), "a Gaussian of the training targets");
            double value = result.Mean(fit => fit.LogLikelihood), coverage = result.Mean(fit => fit.Coverage);
            report.Add(new Figure($"conditional.{result.Set.Name}.loglik", value, "nats", best, whose, Math.Exp(value - best)));
            report.Add(new Figure($"conditional.{result.Set.Name}.coverage", coverage, "share", 0.9, "what was asked for", coverage / 0.9));
        }
    }

    private void AddTest(Report report)
    {
        report.Add("""
            ## Mean test log-likelihood of the target in its own units, nats

            Higher is better; se is the standard error over splits. The published columns are of the same splits. A target with a bin counts
            as discrete: training spreads it evenly over bins of this width, and scoring takes the density at the centre, which then is at
            most 1 / width, so that repeated values cannot be exploited.
            """);
        var table = new MarkdownTable("Table", "RealNvp", "se", "MC dropout", "deep ensembles", "Gaussian of the targets", "lowest row",
            "bin");
        foreach (RegressionResult result in results)
        {
            PublishedRegressions? published = PublishedRegressions.All.GetValueOrDefault(result.Set.Name);
            table.Add(result.Set.Name, Two(result.Mean(fit => fit.LogLikelihood)), Two(result.Error(fit => fit.LogLikelihood)),
                Two(published?.McDropout ?? double.NaN), Two(published?.DeepEnsembles ?? double.NaN),
                Two(result.Mean(fit => fit.Gaussian)), Two(result.Fits.Select(fit => fit.Lowest).DefaultIfEmpty(double.NaN).Min()),
                result.Mean(fit => fit.BinWidth) is > 0 and var bin ? bin.ToString("G3", CultureInfo.InvariantCulture) : "");
        }
        report.Add(table);
        report.Add("## The 90 % interval, and the mean as a prediction\n\nIn the units of the target.");
        table = new MarkdownTable("Table", "coverage", "se", "mean width", "RMSE");
        foreach (RegressionResult result in results)
        {
            table.Add(result.Set.Name, Percent(result.Mean(fit => fit.Coverage)), Percent(result.Error(fit => fit.Coverage)),
                Report.Number(result.Mean(fit => fit.Width)), Report.Number(result.Mean(fit => fit.Rmse)));
        }
        table.Add("mean", Percent(results.Average(result => result.Mean(fit => fit.Coverage))), "", "", "");
        report.Add(table);
    }

    private static string Whole(double value) => value.ToString("F0", CultureInfo.InvariantCulture);

    private static string Two(double value) => double.IsNaN(value) ? "" : value.ToString("F2", CultureInfo.InvariantCulture);

    private static string Three(double value) => double.IsNaN(value) ? "" : value.ToString("F3", CultureInfo.InvariantCulture);

    private static string Percent(double value) => double.IsNaN(value) ? "" : (100 * value).ToString("F1", CultureInfo.InvariantCulture)
        + " %";
}
