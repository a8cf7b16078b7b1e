using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>ML.NET's annotation that names the slots of a vector column.</summary>
internal static class SlotNames
{
    /// <summary>The annotation's name.</summary>
    public const string Kind = "SlotNames";

    /// <summary>Annotations with these names, or none where there are none.</summary>
    public static DataViewSchema.Annotations? Of(ImmutableArray<string> featureNames)
    {
        if (featureNames.IsEmpty)
            return null;
        ReadOnlyMemory<char>[] names = [.. featureNames.Select(feature => feature.AsMemory())];
        var annotations = new DataViewSchema.Annotations.Builder();
        annotations.Add(Kind, new VectorDataViewType(TextDataViewType.Instance, names.Length),
            (ref VBuffer<ReadOnlyMemory<char>> value) => new VBuffer<ReadOnlyMemory<char>>(names.Length, names).CopyTo(ref value));
        return annotations.ToAnnotations();
    }

    /// <summary>The names of a column's values; none where it has none.</summary>
    public static ImmutableArray<string> Read(DataViewSchema.Column column)
    {
        if (!column.HasSlotNames())
            return [];
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.GetSlotNames(ref names);
        return [.. names.DenseValues().Select(name => name.ToString())];
    }
}
