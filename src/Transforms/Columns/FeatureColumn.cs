using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.Columns;

/// <summary>Finds a vector column of Single, and tells of any other what repairs it.</summary>
internal static class FeatureColumn
{
    private const string Expected = "a known-size vector of Single";

    /// <summary>The column of this name: a vector of Single of known size.</summary>
    /// <param name="schema">Where to look.</param>
    /// <param name="name">The column's name.</param>
    /// <param name="shape">What it must hold, with its dimensions or flat; null where any size will do.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name, FlowShape? shape = null)
    {
        string expected = shape switch
        {
            null => Expected,
            { IsImage: true } => $"Vector<Single, {string.Join(", ", shape.Dimensions)}>, or its {shape.Size} values flat",
            _ => $"Vector<Single, {shape.Size}>",
        };
        return InputColumn.Find(schema, name, expected, type =>
        {
            var vector = type as VectorDataViewType;
            if (Problem(vector?.ItemType ?? type, vector is not null, isSized: vector?.Size > 0) is { } problem)
                return problem;
            if (shape is null || vector!.Size == shape.Size)
                return null;
            bool otherSides = shape.IsImage && vector.Dimensions is [var channels, _, _] && channels == shape.Dimensions[0];
            const string sizes = " (ResizeImages changes images to fit the flow, WithImageSize the flow to fit images)";
            return $"is {vector}, of {vector.Size} values{(otherSides ? sizes : "")}";
        });
    }

    /// <summary>The columns of features and, where one is named, of conditions of a size.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public static DataViewSchema.Column[] FindBoth(DataViewSchema schema, string features, FlowShape shape, string? condition, int size)
        => condition is null
            ? [Find(schema, features, shape)]
            : [Find(schema, features, shape), Find(schema, condition, FlowShape.Vector(size))];

    /// <summary>The same as far as a schema shape, which knows no sizes, can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type.</exception>
    public static SchemaShape.Column Require(SchemaShape shape, string name) => InputColumn.Find(shape, name, Expected, column => Problem(
        column.ItemType, isVector: column.Kind != SchemaShape.Column.VectorKind.Scalar,
        isSized: column.Kind == SchemaShape.Column.VectorKind.Vector, column.IsKey));

    /// <summary>What is wrong with a column of this type, and what repairs it; null where nothing is.</summary>
    private static string? Problem(DataViewType item, bool isVector, bool isSized, bool isKey = false)
    {
        isKey |= item is KeyDataViewType;
        string found = isVector ? $"is a vector of {(isKey ? "keys" : item.ToString())}" : isKey ? "is a key" : $"is {item}";
        if (isKey)
            return found + " (Conversion.MapKeyToVector makes numbers of it, as Categorical.OneHotEncoding does of its values)";
        if (item is TextDataViewType)
            return found + ", not of Single (Categorical.OneHotEncoding makes numbers of categories, Text.FeaturizeText of text)";
        if (!isVector)
        {
            return found + (item == NumberDataViewType.Single
                ? ", no vector (Concatenate makes one)"
                : ", no vector of Single (Conversion.ConvertType and Concatenate make one)");
        }
        if (item != NumberDataViewType.Single)
            return found + ", not of Single (Conversion.ConvertType converts)";
        return isSized
            ? null
            : found + $" of unknown size ({InputColumn.SizeRemedy})";
    }
}
