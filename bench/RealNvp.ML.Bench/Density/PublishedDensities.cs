namespace RealNvp.ML.Bench.Density;

/// <summary>
/// Mean test log-likelihoods of others, in nats, on normalised columns: from the paper of RNADE (Uria, Murray, Larochelle, NIPS 2013),
/// whose own folds are not known, and of its ensembles of deep models (Uria, Murray, Larochelle, ICML 2014). The last two are of our folds,
/// computed once.
/// </summary>
internal sealed record PublishedDensities(double Mfa, double RnadeMog, double RnadeMol, double DeepRnade, double Gaussian, double Mixture10)
{
    /// <summary>By set.</summary>
    public static readonly IReadOnlyDictionary<string, PublishedDensities> All = new Dictionary<string, PublishedDensities>
    {
        ["redwine"] = new(Mfa: -10.19, RnadeMog: -9.36, RnadeMol: -9.46, DeepRnade: -8.76, Gaussian: -13.21, Mixture10: -10.28),
        ["whitewine"] = new(Mfa: -10.73, RnadeMog: -10.23, RnadeMol: -10.38, DeepRnade: -9.67, Gaussian: -13.20, Mixture10: -10.91),
        ["parkinsons15"] = new(Mfa: -1.99, RnadeMog: -0.90, RnadeMol: -2.63, DeepRnade: -0.90, Gaussian: -10.80, Mixture10: -3.42),
    };
}
