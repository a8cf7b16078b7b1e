namespace RealNvp.ML.Transforms;

/// <summary>What takes the place of values that are missing in a row.</summary>
public enum ImputationKind
{
    /// <summary>
    /// A draw from the density of the missing values given the others: what keeps the spread of a column and its relations, and differs
    /// by the seed, for analyses that are repeated over several draws.
    /// </summary>
    Draw,

    /// <summary>The most likely values that were found given the others: one best guess for each row.</summary>
    MostLikely,
}
