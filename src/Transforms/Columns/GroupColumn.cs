using System.Globalization;
using System.Reflection;
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
    /// Reads what the group of a cursor's row is called: its text, or its value as text; of a key the value that it stands for, where the
    /// column tells, for another view may number the same values otherwise. A missing value is a group as others are.
    /// </summary>
    /// <param name="source">The row.</param>
    /// <param name="column">Its column of groups.</param>
    /// <param name="asBefore">Whether keys are called by their numbers, and dates to the second alone, as they once were.</param>
    public static Func<string> Names(DataViewRow source, DataViewSchema.Column column, bool asBefore = false)
    {
        if (column.Type is not TextDataViewType)
        {
            string[]? values = column.Type is KeyDataViewType && !asBefore ? KeyValues(column) : null;
            return (Func<string>)Generic(nameof(NamesOf), column.Type.RawType).Invoke(null, [source, column, values, asBefore])!;
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

    private static Func<string> NamesOf<T>(DataViewRow source, DataViewSchema.Column column, string[]? keyValues, bool asBefore)
    {
        ValueGetter<T> getter = source.GetGetter<T>(column);
        T value = default!;
        return () =>
        {
            getter(ref value);
            if (keyValues is null)
                return asBefore ? Plain(value) : Text(value);
            ulong number = Convert.ToUInt64(value, CultureInfo.InvariantCulture); // from 1; 0 is missing
            return number == 0 ? "" : number <= (ulong)keyValues.Length ? keyValues[number - 1] : Text(value);
        };
    }

    /// <summary>What the keys of a column stand for, as text; null where it does not tell.</summary>
    private static string[]? KeyValues(DataViewSchema.Column column)
        => column.Annotations.Schema.GetColumnOrNull("KeyValues") is { Type: VectorDataViewType { Size: > 0 } type }
            ? (string[])Generic(nameof(KeyValuesOf), type.ItemType.RawType).Invoke(null, [column])! : null;

    private static string[] KeyValuesOf<T>(DataViewSchema.Column column)
    {
        VBuffer<T> values = default;
        column.GetKeyValues(ref values);
        return [.. values.DenseValues().Select(Text)];
    }

    private static string Text<T>(T value)
        => value is DateTime date ? date.ToString("O", CultureInfo.InvariantCulture) : Plain(value); // beside it, dates end at their second

    private static string Plain<T>(T value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""; // of text its characters

    private static MethodInfo Generic(string name, Type type)
        => typeof(GroupColumn).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type);
}
