namespace RealNvp.ML.Trainers;

/// <summary>What stands between the couplings of a vector flow, so that their halves differ.</summary>
public enum FeatureMixing
{
    /// <summary>Random orders of the features, one for each pair of couplings: features keep their axes.</summary>
    Permutation,

    /// <summary>A fixed random rotation before each coupling: its halves are mixtures of all features.</summary>
    Rotation,

    /// <summary>
    /// A learned linear map before each coupling (Kingma and Dhariwal 2018), the identity at the start; the couplings' halves alternate.
    /// </summary>
    Linear,
}
