using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Serving.Rows;

/// <summary>
/// A row of a request as ML.NET sees it, moved from row to row and from request to request. Columns that nobody reads have no value.
/// </summary>
/// <param name="schema">The columns that the model was fitted to.</param>
/// <param name="read">Which of them requests bring, in their order.</param>
internal sealed class GivenRow(DataViewSchema schema, IReadOnlyList<DataViewSchema.Column> read) : DataViewRow
{
    private Array[] _columns = [];
    private int _row;
    private long _position = -1;

    /// <inheritdoc/>
    public override DataViewSchema Schema => schema;

    /// <inheritdoc/>
    public override long Position => _position;

    /// <inheritdoc/>
    public override long Batch => 0;

    /// <summary>Stands on a row of a request.</summary>
    /// <param name="columns">The request's columns.</param>
    /// <param name="row">Its row.</param>
    /// <param name="position">A number that no other row has had: steps of ML.NET remember what they computed for a position.</param>
    public void MoveTo(Array[] columns, int row, long position) => (_columns, _row, _position) = (columns, row, position);

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => Place(column) >= 0;

    /// <inheritdoc/>
    public override ValueGetter<DataViewRowId> GetIdGetter()
        => (ref DataViewRowId value) => value = new DataViewRowId((ulong)_position, 0);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        int place = Place(column);
        if (place < 0)
            throw new InvalidOperationException($"The column '{column.Name}' was not asked for.");
        DataViewType item = column.Type is VectorDataViewType vector ? vector.ItemType : column.Type;
        int size = (column.Type as VectorDataViewType)?.Size ?? 0;
        Delegate getter = item.RawType switch
        {
            var type when type == typeof(float) => Getter<float, float>(place, size, value => value),
            var type when type == typeof(bool) => Getter<bool, bool>(place, size, value => value),
            var type when type == typeof(ReadOnlyMemory<char>) => Getter<ReadOnlyMemory<char>, ReadOnlyMemory<char>>(place, size,
                value => value),
            var type when type == typeof(double) => Getter<double, double>(place, size, value => value),
            var type when type == typeof(sbyte) => Getter<double, sbyte>(place, size, value => (sbyte)value),
            var type when type == typeof(byte) => Getter<double, byte>(place, size, value => (byte)value),
            var type when type == typeof(short) => Getter<double, short>(place, size, value => (short)value),
            var type when type == typeof(ushort) => Getter<double, ushort>(place, size, value => (ushort)value),
            var type when type == typeof(int) => Getter<double, int>(place, size, value => (int)value),
            var type when type == typeof(uint) => Getter<double, uint>(place, size, value => (uint)value),
            var type when type == typeof(long) => Getter<double, long>(place, size, value => (long)value),
            _ => Getter<double, ulong>(place, size, value => (ulong)value),
        };
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException($"The column '{column.Name}' is {column.Type}, not {typeof(TValue).Name}.");
    }

    private int Place(DataViewSchema.Column column)
    {
        for (int i = 0; i < read.Count; i++)
        {
            if (read[i].Index == column.Index)
                return i;
        }
        return -1;
    }

    private Delegate Getter<TGiven, TValue>(int place, int size, Func<TGiven, TValue> convert) => size == 0
        ? (ValueGetter<TValue>)((ref TValue value) => value = convert(((TGiven[])_columns[place])[_row]))
        : (ValueGetter<VBuffer<TValue>>)((ref VBuffer<TValue> value) =>
        {
            VBufferEditor<TValue> editor = VBufferEditor.Create(ref value, size);
            ReadOnlySpan<TGiven> given = ((TGiven[])_columns[place]).AsSpan(_row * size, size);
            for (int i = 0; i < size; i++)
                editor.Values[i] = convert(given[i]);
            value = editor.Commit();
        });
}
