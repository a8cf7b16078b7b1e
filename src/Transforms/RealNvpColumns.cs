namespace RealNvp.ML.Transforms;

/// <summary>
/// The names of the columns that a flow reads and adds; ML.NET's own by default. Rename the added ones where several flows stand in one pipeline: a later
/// column hides an earlier one of the same name.
/// </summary>
public sealed record RealNvpColumns
{
    /// <summary>ML.NET's names.</summary>
    public static RealNvpColumns Default { get; } = new();

    /// <summary>The input: known-size vector of <see cref="float"/>.</summary>
    public string Features { get; init; } = "Features";

    /// <summary>-LogLikelihood, <see cref="float"/>: higher is more anomalous, unbounded, may be negative; finite for every finite row.</summary>
    public string Score { get; init; } = "Score";

    /// <summary>Whether the score is above the threshold, <see cref="bool"/>.</summary>
    public string PredictedLabel { get; init; } = "PredictedLabel";

    /// <summary>The natural logarithm of the density in the units of the input column, <see cref="float"/>.</summary>
    public string LogLikelihood { get; init; } = "LogLikelihood";

    /// <summary>The share of held-out rows (this one counted) that score as high or higher, <see cref="float"/>.</summary>
    public string PValue { get; init; } = "PValue";

    /// <summary>The row in the flow's latent space, vector of <see cref="float"/> of the size of the input.</summary>
    public string Latent { get; init; } = "Latent";

    /// <summary>The added columns in their order.</summary>
    internal string[] Added => [Score, PredictedLabel, LogLikelihood, PValue, Latent];

    /// <summary>Requires names, and different ones for the added columns.</summary>
    /// <exception cref="ArgumentException">A name is missing or there twice.</exception>
    internal RealNvpColumns Checked()
    {
        string[] added = Added;
        if (added.Append(Features).Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("Every column needs a name.");
        if (added.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"Two of the added columns are named '{twice.Key}'.");
        return this;
    }
}
