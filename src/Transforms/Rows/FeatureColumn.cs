using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>Finds the vector column that a flow reads, and refuses any other with what was found and what was expected.</summary>
internal static class FeatureColumn
{
    /// <summary>The column of this name: a vector of Single of known size.</summary>
    /// <param name="schema">Where to look.</param>
    /// <param name="name">The column's name.</param>
    /// <param name="shape">What it must hold, with its dimensions or flat; null where any size will do.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name, FlowShape? shape = null)
    {
        ArgumentNullException.ThrowIfNull(schema);
        if (schema.GetColumnOrNull(name) is not { } column)
            throw Wrong("is missing; there are " + string.Join(", ", schema.Where(other => !other.IsHidden).Select(other => other.Name)));
        var type = column.Type as VectorDataViewType;
        if (Problem(type?.ItemType ?? column.Type, type is not null, isSized: type?.Size > 0) is { } problem)
            throw Wrong(problem);
        if (shape is not null && type!.Size != shape.Size)
        {
            bool otherSides = shape.IsImage && type.Dimensions is [var channels, _, _] && channels == shape.Dimensions[0];
            throw Wrong($"is {type}, of {type.Size} values{(otherSides ? " (ResizeImages changes images to fit the flow, WithImageSize the flow to fit images)" : "")}");
        }
        return column;

        ArgumentOutOfRangeException Wrong(string found)
            => Mismatch(name, found, shape switch
            {
                null => Expected,
                { IsImage: true } => $"Vector<Single, {string.Join(", ", shape.Dimensions)}>, or its {shape.Size} values flat",
                _ => $"Vector<Single, {shape.Size}>",
            });
    }

    /// <summary>The same as far as a schema shape, which knows no sizes, can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type.</exception>
    public static void Require(SchemaShape shape, string name)
    {
        ArgumentNullException.ThrowIfNull(shape);
        SchemaShape.Column column = shape.FirstOrDefault(column => column.Name == name);
        if (column.Name is null)
            throw Mismatch(name, "is missing; there are " + string.Join(", ", shape.Select(other => other.Name)), Expected);
        bool isVector = column.Kind != SchemaShape.Column.VectorKind.Scalar;
        if (Problem(column.ItemType, isVector, isSized: column.Kind == SchemaShape.Column.VectorKind.Vector, column.IsKey) is { } problem)
            throw Mismatch(name, problem, Expected);
    }

    private const string Expected = "a known-size vector of Single";

    /// <summary>
    /// What is wrong with a column of this type, and what repairs it; null where nothing is. The same words for a schema and for a shape,
    /// so that a pipeline, which
    /// asks for shapes first, explains as much as a trainer alone.
    /// </summary>
    private static string? Problem(DataViewType item, bool isVector, bool isSized, bool isKey = false)
    {
        string found = isVector ? $"is a vector of {(isKey || item is KeyDataViewType ? "keys" : item.ToString())}" : isKey || item is KeyDataViewType ? "is a key" : $"is {item}";
        if (isKey || item is KeyDataViewType)
            return found + " (Conversion.MapKeyToVector makes numbers of it, as Categorical.OneHotEncoding does of its values)";
        if (item is TextDataViewType)
            return found + ", not of Single (Categorical.OneHotEncoding makes numbers of categories, Text.FeaturizeText of text)";
        if (!isVector)
            return found + (item == NumberDataViewType.Single ? ", no vector (Concatenate makes one)" : ", no vector of Single (Conversion.ConvertType and Concatenate make one)");
        if (item != NumberDataViewType.Single)
            return found + ", not of Single (Conversion.ConvertType converts)";
        return isSized ? null : found + " of unknown size (the attribute [VectorType(N)], or the ColumnType of a SchemaDefinition, tells it)";
    }

    // of one name for both: the view that the user hands over
    private static ArgumentOutOfRangeException Mismatch(string column, string found, string expected)
        => new("input", $"Column '{column}' {found}. Expected: {expected}.");
}
