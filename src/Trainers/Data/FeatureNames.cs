using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Trainers.Data;

/// <summary>The names of a vector column's values, as Concatenate gives them.</summary>
internal static class FeatureNames
{
    /// <summary>One name per value; empty where the column has none.</summary>
    public static ImmutableArray<string> Of(DataViewSchema.Column column, int features)
    {
        if (!column.HasSlotNames())
            return [];
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.GetSlotNames(ref names);
        return names.Length == features ? [.. names.DenseValues().Select(name => name.ToString())] : [];
    }

    /// <summary>What a message calls a value: by its name where it has one.</summary>
    public static string Call(ImmutableArray<string> names, int feature)
        => feature < names.Length && names[feature].Length > 0 ? $"'{names[feature]}'" : $"value {feature}";

    /// <summary>A list that stays short: the first few, and how many more there are.</summary>
    public static string List(IReadOnlyCollection<string> texts, string separator = ", ")
    {
        const int Most = 5;
        return string.Join(separator, texts.Take(Most)) + (texts.Count > Most ? $"{separator}and {texts.Count - Most} more" : "");
    }
}
