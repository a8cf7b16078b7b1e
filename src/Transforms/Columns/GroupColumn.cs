using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Columns;

/// <summary>A column that tells groups of rows apart: text, a key, a whole number, Boolean or a date.</summary>
internal static class GroupColumn
{
    /// <summary>What such a column is, for messages.</summary>
    public const string Expected = "text, a key, a whole number, Boolean or a date";

    /// <summary>Whether a column of this type tells groups apart.</summary>
    public static bool Supports(DataViewType type) => type is TextDataViewType or KeyDataViewType or BooleanDataViewType
        or DateTimeDataViewType || (type is NumberDataViewType && type != NumberDataViewType.Single && type != NumberDataViewType.Double);

    /// <summary>The column of this name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name)
        => InputColumn.Find(schema, name, Expected, type => Supports(type) ? null : $"is {type}");

    /// <summary>The same as far as a schema shape can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static SchemaShape.Column Find(SchemaShape shape, string name) => InputColumn.Find(shape, name, Expected, column
        => column.Kind != SchemaShape.Column.VectorKind.Scalar ? $"is a vector of {column.ItemType}"
            : column.IsKey || Supports(column.ItemType) ? null : $"is {column.ItemType}");

    /// <summary>
    /// Reads what the group of a cursor's row is called: its text, or its value as text. A missing value is a group as others are.
    /// </summary>
    public static Func<string> Names(DataViewRow source, DataViewSchema.Column column)
    {
        if (column.Type is not TextDataViewType)
        {
            return (Func<string>)typeof(GroupColumn).GetMethod(nameof(NamesOf), System.Reflection.BindingFlags.NonPublic
                | System.Reflection.BindingFlags.Static)!.MakeGenericMethod(column.Type.RawType).Invoke(null, [source, column])!;
        }
        ValueGetter<ReadOnlyMemory<char>> getter = source.GetGetter<ReadOnlyMemory<char>>(column);
        ReadOnlyMemory<char> value = default;
        string last = "";
        return () =>
        {
            getter(ref value);
            if (!value.Span.SequenceEqual(last)) // rows of a group often follow each other
                last = value.ToString();
            return last;
        };
    }

    private static Func<string> NamesOf<T>(DataViewRow source, DataViewSchema.Column column)
    {
        ValueGetter<T> getter = source.GetGetter<T>(column);
        T value = default!;
        return () =>
        {
            getter(ref value);
            return Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        };
    }
}
