namespace RealNvp.ML.Tool.Models;

/// <summary>What becomes of a cell that is missing.</summary>
internal enum MissingCells
{
    /// <summary>It gets the mean of the training rows.</summary>
    Mean,

    /// <summary>It gets the mean, and a feature of its own says that it was missing.</summary>
    Flag,

    /// <summary>Its row is left out of training, and gets no score.</summary>
    Skip,
}

/// <summary>What the command line says of columns.</summary>
/// <param name="Features">The features; empty: all columns that are nothing else.</param>
/// <param name="Ignored">Columns that are no features.</param>
/// <param name="Categories">Columns whose cells are names, also where they look like numbers.</param>
/// <param name="Condition">Columns of the condition.</param>
/// <param name="Label">The column that says which rows are anomalies; null for none.</param>
/// <param name="Group">The column whose rows of one value stand in one slice of the training; null for none.</param>
/// <param name="MostCategories">A column of texts with more different ones is no feature unless it is named.</param>
/// <param name="Missing">What becomes of missing cells.</param>
internal sealed record ColumnOptions(
    IReadOnlyList<string> Features, IReadOnlyList<string> Ignored, IReadOnlyList<string> Categories, IReadOnlyList<string> Condition,
    string? Label, string? Group, int MostCategories, MissingCells Missing)
{
    /// <summary>All columns that an option names.</summary>
    public IEnumerable<string> Named
        => [.. Features, .. Ignored, .. Categories, .. Condition, .. new[] { Label, Group }.OfType<string>()];
}
