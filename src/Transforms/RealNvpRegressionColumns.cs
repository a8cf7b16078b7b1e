using RealNvp.ML.Transforms.Regression;

namespace RealNvp.ML.Transforms;

/// <summary>The names of the columns that a regression adds; ML.NET's own where it has them.</summary>
public sealed record RealNvpRegressionColumns
{
    /// <summary>The usual names.</summary>
    public static RealNvpRegressionColumns Default { get; } = new();

    /// <summary>
    /// The mean of the label given the features, <see cref="float"/>; of several labels a vector of them, as the next three.
    /// </summary>
    public string Score { get; init; } = "Score";

    /// <summary>The value that the label is below and above of with the same probability.</summary>
    public string Median { get; init; } = "Median";

    /// <summary>The lower end of the interval that covers the label with the stated probability.</summary>
    public string Lower { get; init; } = "Lower";

    /// <summary>The upper end of that interval.</summary>
    public string Upper { get; init; } = "Upper";

    /// <summary>
    /// The natural logarithm of the density of the row's label given its features, in the units of the label, <see cref="float"/>; of
    /// several labels that of all together. NaN where the row has no label.
    /// </summary>
    public string LogLikelihood { get; init; } = "LogLikelihood";

    /// <summary>In the order of <see cref="RegressionOutput"/>.</summary>
    internal string[] Names => [Score, Median, Lower, Upper, LogLikelihood];

    /// <summary>Requires names, and different ones.</summary>
    /// <exception cref="ArgumentException">A name is missing or there twice.</exception>
    internal RealNvpRegressionColumns Checked()
    {
        if (Names.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("Every column needs a name.");
        return Names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new ArgumentException($"Two of the added columns are named '{twice.Key}'.")
            : this;
    }

    /// <summary>Requires that no name is that of the label or the feature column, which it would hide from metrics.</summary>
    /// <exception cref="ArgumentException">One is.</exception>
    internal RealNvpRegressionColumns Beside(string label, string features)
    {
        foreach ((string name, string what) in new[] { (label, "labels"), (features, "features") })
        {
            if (Names.Contains(name))
            {
                throw new ArgumentException($"An added column is named '{name}', as the column of {what} is, which it would hide: a metric "
                    + "would compare it with itself. Give it another name by Columns.");
            }
        }
        return this;
    }
}
