using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Columns;

/// <summary>
/// Finds a column that is read, and refuses any other with what was found and what was expected. The same words for a schema and for a
/// shape, so that a pipeline, which asks for shapes first, explains as much as a trainer alone.
/// </summary>
internal static class InputColumn
{
    /// <summary>What repairs a vector whose type does not say its size, for messages.</summary>
    public const string SizeRemedy = "the attribute [VectorType(N)], or the ColumnType of a SchemaDefinition, tells it";

    /// <summary>The column of this name.</summary>
    /// <param name="schema">Where to look.</param>
    /// <param name="name">The column's name.</param>
    /// <param name="expected">What it must be, in words.</param>
    /// <param name="problem">What is wrong with a type, or null.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name, string expected, Func<DataViewType, string?> problem)
    {
        ArgumentNullException.ThrowIfNull(schema);
        if (schema.GetColumnOrNull(name) is not { } column)
            throw Mismatch(name, Missing(schema.Where(other => !other.IsHidden).Select(other => other.Name)), expected);
        return problem(column.Type) is { } found ? throw Mismatch(name, found, expected) : column;
    }

    /// <summary>The same as far as a schema shape, which knows no sizes, can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static SchemaShape.Column Find(SchemaShape shape, string name, string expected, Func<SchemaShape.Column, string?> problem)
    {
        ArgumentNullException.ThrowIfNull(shape);
        SchemaShape.Column column = shape.FirstOrDefault(column => column.Name == name);
        if (column.Name is null)
            throw Mismatch(name, Missing(shape.Select(other => other.Name)), expected);
        return problem(column) is { } found ? throw Mismatch(name, found, expected) : column;
    }

    /// <summary>The column of this name, a Single.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column FindSingle(DataViewSchema schema, string name, string expected)
        => Find(schema, name, expected, type => type == NumberDataViewType.Single ? null : $"is {type}");

    /// <summary>The same as far as a schema shape can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static SchemaShape.Column FindSingle(SchemaShape shape, string name, string expected) => Find(shape, name, expected, column
        => column.ItemType == NumberDataViewType.Single && column.Kind == SchemaShape.Column.VectorKind.Scalar ? null
            : $"is {column.ItemType}");

    private static string Missing(IEnumerable<string> others) => "is missing; there are " + string.Join(", ", others);

    // of one name for both: the view that the user hands over
    private static ArgumentOutOfRangeException Mismatch(string column, string found, string expected)
        => new("input", $"Column '{column}' {found}. Expected: {expected}.");
}
