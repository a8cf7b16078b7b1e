using System.Collections.Immutable;
using Microsoft.ML;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>What a vector column and its values are called.</summary>
/// <param name="Name">Of the column.</param>
/// <param name="Features">One name per value, as Concatenate gives them; empty where the column has none.</param>
internal sealed record ColumnNames(string Name, ImmutableArray<string> Features)
{
    /// <summary>The names of the condition, whose values follow in a row after those of the column; null where there is none.</summary>
    public (int From, ColumnNames Names)? Condition { get; init; }

    /// <summary>The names of a column of this many values.</summary>
    public static ColumnNames Of(DataViewSchema schema, string column, int features)
    {
        ImmutableArray<string> names = OneHotColumn.NamesOf(schema, schema[column]);
        return new(column, names.Length == features ? names : []);
    }

    /// <summary>What a message calls a value: by its name where it has one.</summary>
    public string Call(int feature) => Condition is { } condition && feature >= condition.From
        ? $"{condition.Names.Call(feature - condition.From)} of the condition '{condition.Names.Name}'"
        : feature < Features.Length && Features[feature].Length > 0
        ? $"'{Features[feature]}'" : $"value {feature}";
}
