using System.Globalization;
using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Density;

/// <summary>Turns fits into tables and figures.</summary>
internal sealed class DensityReport(IReadOnlyList<DensityResult> results)
{
    /// <summary>Adds all tables; those of the test only where it may be seen.</summary>
    public void AddTables(Report report, bool withTest)
    {
        if (withTest)
            AddTest(report);
        report.Add("## The fits\n\nMeans over folds and members, nats; seconds are per fit on one thread, all members.");
        var table = new MarkdownTable("Set", "Rows", "Features", "Folds", "Training", "Validation", "Steps", "Seconds");
        foreach (DensityResult result in results)
        {
            table.Add(result.Set.Name, $"{result.Set.Rows}", $"{result.Set.Features}", $"{result.Fits.Count}",
                Three(result.Mean(fit => fit.Training)), Three(result.Mean(fit => fit.Validation)), Whole(result.Mean(fit => fit.Steps)),
                    Whole(result.Mean(fit => fit.Seconds)));
        }
        report.Add(table);
    }

    /// <summary>
    /// Adds one figure per set, two where there are mixtures. Their ratio is that of densities: the exponential of the difference in nats.
    /// </summary>
    public void AddFigures(Report report)
    {
        foreach (DensityResult result in results)
        {
            PublishedDensities published = PublishedDensities.All[result.Set.Name];
            report.Add(Figure(result.Set.Name, result.Mean(fit => fit.Single), published.RnadeMog, "RNADE-MoG, published"));
            if (result.HasMixture)
                report.Add(Figure($"{result.Set.Name}.ensemble", result.Mean(fit => fit.Mixture), published.DeepRnade,
                    "deep RNADE, ensemble, published"));
        }
    }

    private static Figure Figure(string name, double value, double baseline, string baselineName)
        => new($"density.{name}", value, "nats", baseline, baselineName, Math.Exp(value - baseline));

    private void AddTest(Report report)
    {
        report.Add($"""
            ## Mean test log-likelihood, nats, of normalised columns

            Higher is better; sd is over folds. A mixture is of {DensityArguments.Members} flows, the single flow is its first member. The
            published columns are of their authors' folds, which are
            not known; the Gaussian and the mixture of 10 Gaussians with full covariances are of our folds.
            """);
        var table = new MarkdownTable("Set", "RealNvp", "sd", "mixture", "sd", "RNADE-MoG", "RNADE-MoL", "deep RNADE", "MFA",
            "10 Gaussians", "Gaussian");
        foreach (DensityResult result in results)
        {
            PublishedDensities published = PublishedDensities.All[result.Set.Name];
            table.Add([result.Set.Name, Two(result.Mean(fit => fit.Single)), Two(result.Deviation(fit => fit.Single)),
                Two(result.Mean(fit => fit.Mixture)), Two(result.Deviation(fit => fit.Mixture)),
                .. new[] { published.RnadeMog, published.RnadeMol, published.DeepRnade, published.Mfa, published.Mixture10,
                published.Gaussian }.Select(Two)]);
        }
        report.Add(table);
        report.Add("## Without copies, and the worst\n\nThe same without the test rows that equal a training row in every feature, which "
            + "a density that is sharp at its training rows would favour; and the least likely of all test rows.");
        table = new MarkdownTable("Set", "copies in the test", "RealNvp", "without copies", "lowest row", "mixture", "without copies",
            "lowest row");
        foreach (DensityResult result in results)
        {
            table.Add(result.Set.Name, string.Create(CultureInfo.InvariantCulture,
                $"{result.Mean(fit => 100.0 * fit.CopiedRows / fit.TestRows):F1} %"),
                Two(result.Mean(fit => fit.Single)), Two(result.Mean(fit => fit.SingleWithoutCopies)),
                    Two(result.Lowest(fit => fit.SingleLowest)),
                Two(result.Mean(fit => fit.Mixture)), Two(result.Mean(fit => fit.MixtureWithoutCopies)),
                    Two(result.Lowest(fit => fit.MixtureLowest)));
        }
        report.Add(table);
    }

    private static string Whole(double value) => value.ToString("F0", CultureInfo.InvariantCulture);

    private static string Two(double value) => double.IsNaN(value) ? "" : value.ToString("F2", CultureInfo.InvariantCulture);

    private static string Three(double value) => double.IsNaN(value) ? "" : value.ToString("F3", CultureInfo.InvariantCulture);
}
