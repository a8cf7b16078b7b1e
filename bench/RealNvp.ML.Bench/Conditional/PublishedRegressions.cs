namespace RealNvp.ML.Bench.Conditional;

/// <summary>
/// Mean test log-likelihoods of others on the same splits, in nats: of Monte Carlo dropout from its authors' result files (Gal and
/// Ghahramani, ICML 2016), of deep ensembles as their paper prints them (Lakshminarayanan, Pritzel and Blundell, NIPS 2017).
/// </summary>
internal sealed record PublishedRegressions(double McDropout, double DeepEnsembles)
{
    /// <summary>By table.</summary>
    public static readonly IReadOnlyDictionary<string, PublishedRegressions> All = new Dictionary<string, PublishedRegressions>
    {
        ["bostonHousing"] = new(-2.40, -2.41),
        ["energy"] = new(-1.21, -1.38),
        ["naval-propulsion-plant"] = new(4.45, 5.63),
        ["power-plant"] = new(-2.81, -2.79),
        ["protein-tertiary-structure"] = new(-2.87, -2.83),
        ["wine-quality-red"] = new(-0.93, -0.94),
        ["yacht"] = new(-1.25, -1.18),
    };

    /// <summary>The better of the two, and whose it is.</summary>
    public (double LogLikelihood, string Name) Best => DeepEnsembles > McDropout
        ? (DeepEnsembles, "deep ensembles, published")
        : (McDropout, "MC dropout, published");
}
