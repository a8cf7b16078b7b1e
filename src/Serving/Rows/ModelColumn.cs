using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Serving.Rows;

/// <summary>What a column holds, as callers bring it.</summary>
internal enum ColumnKind
{
    /// <summary>float32.</summary>
    Single,

    /// <summary>Any other number, brought as a double.</summary>
    Number,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>Text.</summary>
    Text,
}

/// <summary>A column that a model reads or gives.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Dimensions">The shape of one row's values; [1] for a single one.</param>
/// <param name="Slots">The names of its values; empty where they have none.</param>
internal sealed record ModelColumn(string Name, ColumnKind Kind, IReadOnlyList<int> Dimensions, IReadOnlyList<string> Slots)
{
    /// <summary>Values per row.</summary>
    public int Size { get; } = Dimensions.Aggregate(1, (size, dimension) => size * dimension);

    /// <summary>Whether callers may leave it out, which is NaN then.</summary>
    public bool IsOptional { get; init; }

    /// <summary>The least and the most of a column of whole numbers, which are brought as doubles; null of any other.</summary>
    public (double Least, double Most)? Whole { get; init; }

    /// <summary>Memory for so many rows, row by row.</summary>
    public Array NewValues(int rows) => Kind switch
    {
        ColumnKind.Single => new float[checked(rows * Size)],
        ColumnKind.Text => new ReadOnlyMemory<char>[checked(rows * Size)],
        ColumnKind.Boolean => new bool[checked(rows * Size)],
        _ => new double[checked(rows * Size)],
    };

    /// <summary>
    /// What is wrong with values that callers bring; null for nothing. A whole number has no NaN: a missing one would become 0, and half a
    /// one or one that is too large another number.
    /// </summary>
    public string? Fault(Array values)
    {
        if (Whole is not var (least, most) || IsOptional)
            return null;
        double[] numbers = (double[])values;
        for (int i = 0; i < numbers.Length; i++)
        {
            if (!(numbers[i] >= least && numbers[i] <= most && double.IsInteger(numbers[i])))
            {
                return $"'{Name}' of row {i / Size} is {(double.IsNaN(numbers[i]) ? "missing" : $"{numbers[i]}")}, expected a whole number "
                    + $"from {least} to {most}.";
            }
        }
        return null;
    }

    /// <summary>A column of a schema; null where its type is none that callers can bring.</summary>
    public static ModelColumn? Of(DataViewSchema.Column column)
    {
        DataViewType item = column.Type is VectorDataViewType vector ? vector.ItemType : column.Type;
        if (item is KeyDataViewType || (column.Type is VectorDataViewType { Size: 0 }))
            return null;
        ColumnKind? kind = item switch
        {
            TextDataViewType => ColumnKind.Text,
            BooleanDataViewType => ColumnKind.Boolean,
            NumberDataViewType => item == NumberDataViewType.Single ? ColumnKind.Single : ColumnKind.Number,
            _ => null,
        };
        return kind is null ? null : new(column.Name, kind.Value, (column.Type as VectorDataViewType)?.Dimensions ?? [1],
            SlotNames.Read(column))
        {
            Whole = kind == ColumnKind.Number ? WholeOf(item.RawType) : null,
        };
    }

    private static (double Least, double Most)? WholeOf(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.SByte => (sbyte.MinValue, sbyte.MaxValue),
        TypeCode.Byte => (byte.MinValue, byte.MaxValue),
        TypeCode.Int16 => (short.MinValue, short.MaxValue),
        TypeCode.UInt16 => (ushort.MinValue, ushort.MaxValue),
        TypeCode.Int32 => (int.MinValue, int.MaxValue),
        TypeCode.UInt32 => (uint.MinValue, uint.MaxValue),
        TypeCode.Int64 => (long.MinValue, Math.BitDecrement(9223372036854775808.0)), // of doubles the largest that is a long
        TypeCode.UInt64 => (ulong.MinValue, Math.BitDecrement(18446744073709551616.0)),
        _ => null,
    };
}
