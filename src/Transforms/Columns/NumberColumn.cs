using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Columns;

/// <summary>Finds a column of Single, or of vectors of them, and tells of any other what repairs it.</summary>
internal static class NumberColumn
{
    private const string Expected = "Single, or a vector of Single of known size";

    /// <summary>The column of this name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name) => InputColumn.Find(schema, name, Expected,
        type => Problem((type as VectorDataViewType)?.ItemType ?? type, isVector: type is VectorDataViewType,
            isSized: type is VectorDataViewType { Size: > 0 }, isKey: type is KeyDataViewType));

    /// <summary>The same as far as a schema shape, which knows no sizes, can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static SchemaShape.Column Find(SchemaShape shape, string name) => InputColumn.Find(shape, name, Expected, column => Problem(
        column.ItemType, isVector: column.Kind != SchemaShape.Column.VectorKind.Scalar,
        isSized: column.Kind == SchemaShape.Column.VectorKind.Vector, column.IsKey));

    private static string? Problem(DataViewType item, bool isVector, bool isSized, bool isKey)
    {
        string found = isVector ? $"is a vector of {item}" : $"is {item}";
        if (isKey)
            return "is a key (Conversion.MapKeyToVector makes numbers of it)";
        if (item is TextDataViewType)
            return found + " (Categorical.OneHotEncoding makes numbers of categories)";
        if (item != NumberDataViewType.Single)
            return found + " (Conversion.ConvertType converts)";
        return isVector && !isSized
            ? found + $" of unknown size ({InputColumn.SizeRemedy})"
            : null;
    }
}
