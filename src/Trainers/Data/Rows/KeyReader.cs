using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>
/// The sampling key of a cursor's rows as a number: the same for the same value in every pass and process. Two values may share one, with a
/// chance that does no harm: their rows then stand in one slice.
/// </summary>
internal abstract class KeyReader
{
    /// <summary>The key of the current row.</summary>
    public abstract ulong Current();

    /// <summary>A reader of a cursor's key column.</summary>
    public static KeyReader Create(DataViewRow row, DataViewSchema.Column column) => column.Type is TextDataViewType
        ? new TextKeys(row, column)
        : (KeyReader)Activator.CreateInstance(typeof(ValueKeys<>).MakeGenericType(column.Type.RawType), row, column)!;

    private sealed class TextKeys(DataViewRow row, DataViewSchema.Column column) : KeyReader
    {
        private readonly ValueGetter<ReadOnlyMemory<char>> _getter = row.GetGetter<ReadOnlyMemory<char>>(column);
        private ReadOnlyMemory<char> _value;

        public override ulong Current()
        {
            _getter(ref _value);
            ulong hash = (ulong)_value.Length;
            foreach (char letter in _value.Span)
                hash = new RowHash((long)hash).Bits(letter);
            return hash;
        }
    }

    private sealed class ValueKeys<T>(DataViewRow row, DataViewSchema.Column column) : KeyReader where T : notnull
    {
        private readonly ValueGetter<T> _getter = row.GetGetter<T>(column);
        private T _value = default!;

        public override ulong Current()
        {
            _getter(ref _value);
            return unchecked((ulong)_value.GetHashCode()); // of numbers and dates, which is no secret of the process as that of text is
        }
    }
}
