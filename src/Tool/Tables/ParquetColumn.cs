using System.Numerics;
using System.Text;
using Parquet;
using Parquet.Schema;

namespace RealNvp.ML.Tool.Tables;

/// <summary>A column of a Parquet file: how it is read, written, and turned into cells.</summary>
internal abstract class ParquetColumn(DataField field)
{
    /// <summary>Its field in the schema.</summary>
    public DataField Field { get; } = field;

    /// <summary>What its cells hold.</summary>
    public abstract CellKind Kind { get; }

    /// <summary>The column of a field; null where its type is none that a row of a table has, as of lists and maps.</summary>
    public static ParquetColumn? Of(DataField field)
    {
        if (field.IsArray || field.MaxRepetitionLevel > 0 || field.MaxDefinitionLevel > 1 || field.Path.Length > 1)
            return null;
        Type type = Nullable.GetUnderlyingType(field.ClrType) ?? field.ClrType;
        return type switch
        {
            _ when type == typeof(float) => new Numbers<float>(field),
            _ when type == typeof(double) => new Numbers<double>(field),
            _ when type == typeof(int) => new Numbers<int>(field),
            _ when type == typeof(long) => new Numbers<long>(field),
            _ when type == typeof(short) => new Numbers<short>(field),
            _ when type == typeof(sbyte) => new Numbers<sbyte>(field),
            _ when type == typeof(byte) => new Numbers<byte>(field),
            _ when type == typeof(ushort) => new Numbers<ushort>(field),
            _ when type == typeof(uint) => new Numbers<uint>(field),
            _ when type == typeof(ulong) => new Numbers<ulong>(field),
            _ when type == typeof(decimal) => new Numbers<decimal>(field),
            _ when type == typeof(bool) => new Booleans(field),
            _ when type == typeof(string) || type == typeof(ReadOnlyMemory<char>) => new Texts(field),
            _ when type == typeof(byte[]) || type == typeof(ReadOnlyMemory<byte>) => new Bytes(field),
            _ when type == typeof(DateTime) => new Others<DateTime>(field),
            _ when type == typeof(DateOnly) => new Others<DateOnly>(field),
            _ when type == typeof(TimeOnly) => new Others<TimeOnly>(field),
            _ when type == typeof(TimeSpan) => new Others<TimeSpan>(field),
            _ when type == typeof(Guid) => new Others<Guid>(field),
            _ => null,
        };
    }

    /// <summary>Reads the column of a row group.</summary>
    public abstract Array Read(ParquetRowGroupReader rows);

    /// <summary>Writes values that <see cref="Read"/> gave.</summary>
    public abstract void Write(ParquetRowGroupWriter rows, Array values);

    /// <summary>The values as numbers.</summary>
    public virtual float[] ToNumbers(Array values) => throw new NotSupportedException($"The column '{Field.Name}' is no number.");

    /// <summary>A value as text; empty where there is none.</summary>
    public abstract string ToText(Array values, int row);

    /// <summary>Values of a type that has a size, each there or not.</summary>
    private abstract class Values<T>(DataField field) : ParquetColumn(field)
        where T : struct
    {
        public override Array Read(ParquetRowGroupReader rows)
        {
            if (Field.IsNullable)
            {
                var values = new T?[rows.RowCount];
                rows.ReadAsync<T>(Field, values.AsMemory()).AsTask().GetAwaiter().GetResult();
                return values;
            }
            var all = new T[rows.RowCount];
            rows.ReadAsync<T>(Field, all.AsMemory()).AsTask().GetAwaiter().GetResult();
            return Array.ConvertAll(all, value => (T?)value);
        }

        public override void Write(ParquetRowGroupWriter rows, Array values)
        {
            if (Field.IsNullable)
                rows.WriteAsync<T>(Field, (ReadOnlyMemory<T?>)(T?[])values).GetAwaiter().GetResult();
            else
                rows.WriteAsync<T>(Field, (ReadOnlyMemory<T>)Array.ConvertAll((T?[])values, value => value!.Value))
                    .GetAwaiter().GetResult();
        }

        public override string ToText(Array values, int row) => ((T?[])values)[row] is { } value ? ToText(value) : "";

        protected virtual string ToText(T value) => Cell.Text((IFormattable)value);
    }

    private sealed class Numbers<T>(DataField field) : Values<T>(field)
        where T : struct, INumberBase<T>
    {
        public override CellKind Kind => CellKind.Number;

        public override float[] ToNumbers(Array values)
            => Array.ConvertAll((T?[])values, value => value is { } number ? float.CreateSaturating(number) : float.NaN);
    }

    private sealed class Booleans(DataField field) : Values<bool>(field)
    {
        public override CellKind Kind => CellKind.Number;

        public override float[] ToNumbers(Array values)
            => Array.ConvertAll((bool?[])values, value => value is { } truth ? truth ? 1 : 0 : float.NaN);

        protected override string ToText(bool value) => value ? "true" : "false";
    }

    private sealed class Others<T>(DataField field) : Values<T>(field)
        where T : struct
    {
        public override CellKind Kind => CellKind.Other;
    }

    private sealed class Texts(DataField field) : ParquetColumn(field)
    {
        public override CellKind Kind => CellKind.Text;

        public override Array Read(ParquetRowGroupReader rows)
        {
            var values = new string?[rows.RowCount];
            rows.ReadAsync(Field, values.AsMemory()).AsTask().GetAwaiter().GetResult();
            return values;
        }

        public override void Write(ParquetRowGroupWriter rows, Array values)
            => rows.WriteAsync(Field, (string[])values).GetAwaiter().GetResult();

        public override string ToText(Array values, int row) => ((string?[])values)[row] ?? "";
    }

    private sealed class Bytes(DataField field) : ParquetColumn(field)
    {
        public override CellKind Kind => CellKind.Other;

        public override Array Read(ParquetRowGroupReader rows)
        {
            var values = new byte[]?[rows.RowCount];
            rows.ReadAsync(Field, values.AsMemory()).AsTask().GetAwaiter().GetResult();
            return values;
        }

        public override void Write(ParquetRowGroupWriter rows, Array values)
            => rows.WriteAsync(Field, (byte[][])values).GetAwaiter().GetResult();

        public override string ToText(Array values, int row)
            => ((byte[]?[])values)[row] is { } bytes ? Convert.ToBase64String(bytes) : "";
    }
}
