using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>Vector columns that are one category, one-hot: ML.NET's own annotation tells which.</summary>
internal static class OneHotColumn
{
    private const string CategoricalRanges = "CategoricalSlotRanges"; // AnnotationUtils.Kinds has it, which is internal

    /// <summary>What the values of a vector stand for that is one category; null of any other column.</summary>
    public static string[]? CategoriesOf(DataViewSchema.Column column)
    {
        if (column.Type is not VectorDataViewType { Size: > 0 } type || !column.HasSlotNames()
            || column.Annotations.Schema.GetColumnOrNull(CategoricalRanges) is not { Type: VectorDataViewType { ItemType: var item } }
            || item != NumberDataViewType.Int32)
        {
            return null;
        }
        VBuffer<int> ranges = default;
        column.Annotations.GetValue(CategoricalRanges, ref ranges);
        return ranges.DenseValues().SequenceEqual([0, type.Size - 1]) ? [.. SlotNames.Read(column)] : null;
    }

    /// <summary>
    /// The names of a column's values, as <see cref="SlotNames.Read"/>; of one that is a category and nothing else as <c>Concatenate</c>
    /// names one beside other columns, "colour.red". Alone it leaves out the column, without which nothing tells that the values are one
    /// category. Where several columns have these categories, it is called as the vector.
    /// </summary>
    /// <param name="schema">The columns that the vector stands among, hidden ones too: normalised in place it has no annotation.</param>
    /// <param name="column">The vector.</param>
    public static ImmutableArray<string> NamesOf(DataViewSchema schema, DataViewSchema.Column column)
    {
        ImmutableArray<string> names = SlotNames.Read(column);
        string[] same = names.IsEmpty ? []
            : [.. schema.Where(other => CategoriesOf(other)?.SequenceEqual(names) == true).Select(other => other.Name).Distinct()];
        string[] others = [.. same.Where(name => name != column.Name)];
        return same.Length == 0 ? names : [.. names.Select(name => $"{(others is [var one] ? one : column.Name)}.{name}")];
    }
}
