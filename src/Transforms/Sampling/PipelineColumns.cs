using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>
/// The columns that a pipeline reads, as the flow in it sees them. Which columns are categories says ML.NET itself: a vector that is one
/// category has the annotation of a one-hot encoding. The text behind it is found by what the steps depend on, so that the encoding may
/// have another name than its text, and no name at all where it is the only feature column.
/// </summary>
internal sealed class PipelineColumns
{
    private readonly IRowToRowMapper?[] _mappers;
    private readonly DataViewSchema _last;
    private readonly string[] _texts, _others;
    private readonly Dictionary<string, string> _encoded = new(StringComparer.Ordinal);
    private readonly List<(string Text, string[] Categories)> _categories = [];

    /// <param name="before">The steps before the flow.</param>
    /// <param name="inputs">The columns that the first of them gets.</param>
    public PipelineColumns(IReadOnlyList<ITransformer> before, DataViewSchema inputs)
    {
        _last = inputs;
        _mappers = new IRowToRowMapper?[before.Count];
        foreach ((int i, ITransformer step) in before.Index())
        {
            _mappers[i] = step.IsRowToRowMapper && step is not LagsTransformer ? step.GetRowToRowMapper(_last) : null;
            _last = _mappers[i]?.OutputSchema ?? step.GetOutputSchema(_last);
        }
        ILookup<bool, string> names = inputs.Where(column => !column.IsHidden && column.Type is not VectorDataViewType)
            .ToLookup(column => column.Type is TextDataViewType, column => column.Name);
        (_texts, _others) = ([.. names[true]], [.. names[false]]);
        foreach (DataViewSchema.Column column in _last) // hidden ones too: normalisation in place keeps the names and drops the annotation
        {
            if (OneHotColumn.CategoriesOf(column) is not { } categories || TextOf(column) is not { } text)
                continue;
            _encoded.TryAdd(column.Name, text);
            _categories.Add((text, categories));
        }
    }

    /// <summary>The groups of a vector's values.</summary>
    /// <param name="names">Their names; there may be none.</param>
    /// <param name="column">The column of the vector before the flow.</param>
    public IReadOnlyList<FeatureGroup> GroupsOf(IReadOnlyList<string> names, string column)
    {
        // a vector that is the only one of its column gives the names of its values without its own, and training then with one's
        if (_last.GetColumnOrNull(column) is { } vector && TextOf(vector) is { } alone && _categories.FirstOrDefault(category
            => category.Text == alone && AreOf(names, category.Categories)) is { Categories: { } categories })
        {
            return [new(alone, 0, categories)];
        }
        IReadOnlyList<FeatureGroup> groups = FeatureGroup.Of(names, _encoded.Keys, _others);
        HashSet<string> taken = [.. groups.Select(group => group.Name)];
        return [.. groups.Select(group => group.Categories.Count > 0 && _encoded[group.Name] is var text && taken.Add(text)
            ? group with { Name = text } : group)];
    }

    /// <summary>Whether names are those of categories, with a column's before them or without.</summary>
    private static bool AreOf(IReadOnlyList<string> names, string[] categories) => names.Count == categories.Length
        && names.Zip(categories).All(pair => pair.First == pair.Second || pair.First.EndsWith("." + pair.Second, StringComparison.Ordinal));

    /// <summary>The one text that a column is made of; null where it is made of others, or more.</summary>
    private string? TextOf(DataViewSchema.Column column)
    {
        DataViewSchema.Column[] needed = [column];
        foreach (IRowToRowMapper? mapper in _mappers.Reverse())
        {
            if (mapper is null) // of several rows, as lags: what came before is known by its name
                return needed is [var one] && _texts.Contains(one.Name) ? one.Name : null;
            needed = [.. mapper.GetDependencies(needed)];
        }
        return needed is [{ Type: TextDataViewType } text] ? text.Name : null;
    }
}
