using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms;

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
        if (column.Type is not VectorDataViewType type)
            throw Wrong($"is {column.Type}, no vector (Concatenate makes one)");
        if (type.ItemType != NumberDataViewType.Single)
            throw Wrong($"is {type}, not of Single (Conversion.ConvertType converts)");
        if (type.Size == 0)
            throw Wrong($"is {type}, of unknown size");
        if (shape is not null && type.Size != shape.Size)
        {
            bool otherSides = shape.IsImage && type.Dimensions is [var channels, _, _] && channels == shape.Dimensions[0];
            throw Wrong($"is {type}, of {type.Size} values{(otherSides ? " (ResizeImages changes images to fit the flow, WithImageSize the flow to fit images)" : "")}");
        }
        return column;

        ArgumentOutOfRangeException Wrong(string found)
            => Mismatch(nameof(schema), name, found, shape switch
            {
                null => "a known-size vector of Single",
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
        const string Expected = "a known-size vector of Single";
        if (column.Name is null)
            throw Mismatch(nameof(shape), name, "is missing; there are " + string.Join(", ", shape.Select(other => other.Name)), Expected);
        if (column.Kind != SchemaShape.Column.VectorKind.Vector || column.ItemType != NumberDataViewType.Single)
            throw Mismatch(nameof(shape), name, $"is {column.Kind} of {column.ItemType}", Expected);
    }

    private static ArgumentOutOfRangeException Mismatch(string parameter, string column, string found, string expected)
        => new(parameter, $"Column '{column}' {found}. Expected: {expected}.");
}
