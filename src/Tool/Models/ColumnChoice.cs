using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Models;

/// <summary>A column that a model reads.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">Numbers, or texts that are categories.</param>
/// <param name="HasMissing">Whether cells were missing in training.</param>
internal sealed record ModelInput(string Name, CellKind Kind, bool HasMissing);

/// <summary>Which columns of a table become features, and which a condition.</summary>
/// <param name="Features">In the order of the table.</param>
/// <param name="Condition">In the order of the command line.</param>
internal sealed record ColumnChoice(IReadOnlyList<ModelInput> Features, IReadOnlyList<ModelInput> Condition)
{
    private static readonly string[] s_results = [.. ResultNames(RealNvpColumns.Default)];

    /// <summary>All inputs.</summary>
    public IEnumerable<ModelInput> Inputs => Features.Concat(Condition);

    /// <summary>Chooses.</summary>
    /// <param name="table">For messages.</param>
    /// <param name="facts">Of all its columns.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="note">Receives which columns are left out, and why.</param>
    /// <param name="warn">Receives which columns are hardly what they seem.</param>
    /// <exception cref="ToolException">A named column is missing or of no use, or no feature is left.</exception>
    public static ColumnChoice Of(ITable table, IReadOnlyList<ColumnFacts> facts, ColumnOptions options, Action<string> note,
        Action<string> warn)
    {
        foreach (string name in options.Named.Concat(table.Columns))
            table.Find(name);
        if (facts.All(column => column.Rows == 0))
            throw new ToolException($"{table.Name} has a header and no rows.");
        foreach ((string? name, string what) in new[] { (options.Label, "label"), (options.Group, "group") })
        {
            if (options.Features.Concat(options.Condition).Concat(options.Categories).Contains(name, StringComparer.Ordinal))
                throw new UsageException($"'{name}' cannot be the {what} and an input of the flow at once.");
        }
        if (options.Group is not null && options.Group == options.Label)
            throw new UsageException($"'{options.Group}' cannot be the label and the group at once.");
        if (options.Features.Intersect(options.Condition, StringComparer.Ordinal).FirstOrDefault() is { } twice)
            throw new UsageException($"'{twice}' cannot be a feature and a condition at once.");
        if (options.Ignored.FirstOrDefault(name => options.Features.Concat(options.Condition).Concat(options.Categories)
            .Contains(name, StringComparer.Ordinal)) is { } ignored)
            throw new UsageException($"'{ignored}' cannot be ignored, and an input of the flow, at once.");
        if (options.Features.Count > 0 && options.Categories.Except(options.Features.Concat(options.Condition), StringComparer.Ordinal)
            .FirstOrDefault() is { } idle)
            throw new UsageException($"--categories names '{idle}', and --columns and --condition do not: it would be no input.");

        ColumnFacts fact(string name) => facts[table.Find(name)];
        ModelInput[] features = [.. facts.Where(column => options.Features.Count == 0
                ? IsFeature(column, options, note) : options.Features.Contains(column.Name, StringComparer.Ordinal))
            .Select(column => InputOf(table, column, options))];
        foreach (ColumnFacts column in facts.Where(column => column.LooksLikeNumbers && !IsNamed(column.Name, options)))
            warn(Doubt(column, features.Any(feature => feature.Name == column.Name)));
        if (features.Length == 0)
            throw new ToolException($"{table.Name}: no column is left to learn from. It has: {Names.Listed(table.Columns)}.");
        return new(features, [.. options.Condition.Select(name => InputOf(table, fact(name), options))]);
    }

    /// <summary>The names of the columns that a flow adds.</summary>
    public static IEnumerable<string> ResultNames(RealNvpColumns columns)
        => [columns.Score, columns.PValue, columns.PredictedLabel, columns.LogLikelihood, columns.Typicality, columns.TypicalityPValue];

    private static bool IsFeature(ColumnFacts column, ColumnOptions options, Action<string> note)
    {
        if (options.Ignored.Contains(column.Name, StringComparer.Ordinal) || options.Condition.Contains(column.Name, StringComparer.Ordinal)
            || column.Name == options.Label || column.Name == options.Group)
            return false;
        if (options.Categories.Contains(column.Name, StringComparer.Ordinal))
            return true;
        string? why = column switch
        {
            { Kind: CellKind.Other } => "it holds neither numbers nor texts",
            { Missing: var missing, Rows: var rows } when missing == rows => "all its cells are empty",
            { HoldsDates: true } => "its cells are dates",
            { Counts: true } => "it counts the rows",
            _ when IsIdentifier(column.Name) => "it is an identifier by its name",
            { Kind: CellKind.Text, Texts: var texts } when texts > options.MostCategories => $"it has {Many(texts)} different texts",
            _ => null,
        };
        if (why is null)
            return true;
        note($"column '{column.Name}' is no feature: {why} (--columns or --categories takes it all the same)");
        return false;
    }

    /// <summary>What is said of a column that nearly is one of numbers.</summary>
    private static string Doubt(ColumnFacts column, bool isFeature)
    {
        string why = column.FirstText!.Contains(',', StringComparison.Ordinal)
            ? $"'{column.FirstText}' has a comma; --decimal comma reads decimal commas; between thousands there must be nothing"
            : $"'{column.FirstText}' is none; --na '{column.FirstText.Trim()}' says that such a cell is missing, --ignore or --categories "
                + "what else becomes of the column";
        return $"column '{column.Name}' is {(isFeature ? "a category" : "no feature")}, for not all its cells are numbers: {why}";
    }

    /// <summary>Whether an option says what becomes of a column, so that nothing is in doubt.</summary>
    private static bool IsNamed(string name, ColumnOptions options)
        => options.Ignored.Concat(options.Categories).Contains(name, StringComparer.Ordinal)
        || name == options.Label || name == options.Group
        || options.Features.Count > 0 && !options.Features.Concat(options.Condition).Contains(name, StringComparer.Ordinal);

    private static ModelInput InputOf(ITable table, ColumnFacts column, ColumnOptions options)
    {
        if (column.Kind == CellKind.Other)
            throw new ToolException($"{table.Name}: the column '{column.Name}' holds neither numbers nor texts.");
        if (column.Missing == column.Rows)
            throw new ToolException($"{table.Name}: all cells of the column '{column.Name}' are empty.");
        if (s_results.Contains(column.Name, StringComparer.Ordinal))
        {
            throw new ToolException($"{table.Name}: the column '{column.Name}' bears the name of a result. Rename it, or leave it out with "
                + $"--ignore {column.Name}.");
        }
        bool isCategory = column.Kind == CellKind.Text || options.Categories.Contains(column.Name, StringComparer.Ordinal);
        if (isCategory && column.Texts >= ColumnFacts.MostTexts)
            throw new ToolException($"{table.Name}: the column '{column.Name}' has {Many(column.Texts)} categories, too many to learn.");
        return new(column.Name, isCategory ? CellKind.Text : CellKind.Number, column.Missing > 0);
    }

    private static string Many(int texts) => texts < ColumnFacts.MostTexts ? $"{texts:N0}" : $"{texts:N0} and more";

    private static bool IsIdentifier(string name)
        => name.Equals("id", StringComparison.OrdinalIgnoreCase) || name.Equals("uuid", StringComparison.OrdinalIgnoreCase)
        || name.Equals("guid", StringComparison.OrdinalIgnoreCase) || name.EndsWith("_id", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith("Id", StringComparison.Ordinal) || name.EndsWith(" ID", StringComparison.OrdinalIgnoreCase);
}
