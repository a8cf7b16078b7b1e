using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>Finds the label column: a Single, as ML.NET's regressions have it, or a vector of several labels.</summary>
internal static class LabelColumn
{
    private const string Expected = "a Single, or a known-size vector of Single";

    /// <summary>The column of this name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name) => InputColumn.Find(schema, name, Expected, type
        => type is VectorDataViewType vector
            ? Problem(vector.ItemType, "is a vector of ") ?? (vector.Size > 0 ? null : "is a vector of unknown size, which may vary from "
                + $"row to row ({InputColumn.SizeRemedy})")
            : Problem(type, "is "));

    /// <summary>The same as far as a schema shape, which knows no sizes, can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static SchemaShape.Column Find(SchemaShape shape, string name) => InputColumn.Find(shape, name, Expected, column
        => column.IsKey ? Key : Problem(column.ItemType, column.Kind == SchemaShape.Column.VectorKind.Scalar ? "is " : "is a vector of "));

    /// <summary>The column where it can be read as labels of a flow; null where it cannot: rows without labels are scored too.</summary>
    public static DataViewSchema.Column? FindOrNull(DataViewSchema schema, string name, FlowModel model)
        => schema.GetColumnOrNull(name) is { } column && (column.Type is VectorDataViewType vector
            ? vector.ItemType == NumberDataViewType.Single && vector.Size == model.InputShape.Size
            : column.Type == NumberDataViewType.Single && model.InputShape.Size == 1) ? column : null;

    private const string Key = "is a key (Conversion.ConvertType makes a number of it; for classes take a classification trainer)";

    private static string? Problem(DataViewType item, string found) => item switch
    {
        KeyDataViewType => Key,
        TextDataViewType => $"{found}{item}, not of Single (Conversion.ConvertType reads numbers from text; for classes take a "
            + "classification trainer)",
        _ => item == NumberDataViewType.Single ? null : $"{found}{item}, not of Single (Conversion.ConvertType converts)",
    };
}
