using System.Globalization;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;

namespace RealNvp.ML.Transforms.Pipelines;

/// <summary>What a row holds that no row before has held.</summary>
internal enum News
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Another text or whole number.</summary>
    Value,

    /// <summary>The first missing value, the first text beyond ASCII, the first number below zero, and so on.</summary>
    Kind,
}

/// <summary>Rows of a column, of any type that a graph of ML.NET's has for an input.</summary>
internal abstract class InputBlock
{
    /// <summary>A block for a column; null where graphs have no such inputs, or rows differ in length.</summary>
    public static InputBlock? For(DataViewSchema.Column column)
    {
        if (column.Type is VectorDataViewType { Size: 0 })
            return null;
        Type raw = (column.Type as VectorDataViewType)?.ItemType.RawType ?? column.Type.RawType;
        if (raw == typeof(ReadOnlyMemory<char>)) return new TextBlock(column);
        if (raw == typeof(float)) return new NumberBlock<float>(column);
        if (raw == typeof(double)) return new NumberBlock<double>(column);
        if (raw == typeof(bool)) return new NumberBlock<bool>(column);
        if (raw == typeof(sbyte)) return new NumberBlock<sbyte>(column);
        if (raw == typeof(byte)) return new NumberBlock<byte>(column);
        if (raw == typeof(short)) return new NumberBlock<short>(column);
        if (raw == typeof(ushort)) return new NumberBlock<ushort>(column);
        if (raw == typeof(int)) return new NumberBlock<int>(column);
        if (raw == typeof(uint)) return new NumberBlock<uint>(column);
        if (raw == typeof(long)) return new NumberBlock<long>(column);
        return raw == typeof(ulong) ? new NumberBlock<ulong>(column) : null;
    }

    /// <summary>Opens the column of the rows that will be taken.</summary>
    public abstract void Open(DataViewRow source);

    /// <summary>Looks at the source's current row, and remembers what it is like.</summary>
    public abstract News Look();

    /// <summary>Takes the source's current row.</summary>
    public abstract void Take();

    /// <summary>The rows as a tensor, [N, values] or with the column's dimensions.</summary>
    public abstract OrtValue ToValue();

    /// <summary>Whether another block of the column holds the same.</summary>
    public abstract bool Equals(InputBlock other);

    private abstract class ColumnBlock<T>(DataViewSchema.Column column) : InputBlock
    {
        /// <summary>Columns of more different values are no categories.</summary>
        private const int FewValues = 64;

        private HashSet<T>? _seen;
        private Kinds _kinds;
        private ValueGetter<T>? _scalar;
        private ValueGetter<VBuffer<T>>? _vector;
        private VBuffer<T> _values;

        protected List<T> Taken { get; } = [];

        protected long[] Dimensions { get; } = column.Type is VectorDataViewType vector
            ? [-1, .. vector.Dimensions.Select(length => (long)length)] : [-1, 1];

        public override void Open(DataViewRow source)
        {
            if (column.Type is VectorDataViewType) _vector = source.GetGetter<VBuffer<T>>(source.Schema[column.Index]);
            else _scalar = source.GetGetter<T>(source.Schema[column.Index]);
        }

        public override void Take() => Taken.AddRange(Current().Select(Copied));

        public override News Look()
        {
            News news = News.None;
            foreach (T value in Current())
            {
                Kinds kinds = KindsOf(value);
                if ((kinds & ~_kinds) != 0)
                    (_kinds, news) = (_kinds | kinds, News.Kind);
                if (IsCategory && (_seen ??= new(Comparer)).Count < FewValues && Sees(value, _seen) && news == News.None)
                    news = News.Value;
            }
            return news;
        }

        /// <summary>Whether different values are different things.</summary>
        private static bool IsCategory => typeof(T) != typeof(float) && typeof(T) != typeof(double);

        /// <summary>What a value is like.</summary>
        protected abstract Kinds KindsOf(T value);

        private bool Sees(T value, HashSet<T> seen) => !seen.Contains(value) && seen.Add(Copied(value));

        private IEnumerable<T> Current()
        {
            if (_vector is not null)
            {
                _vector(ref _values);
                return _values.DenseValues();
            }
            T value = default!;
            _scalar!(ref value);
            return [value];
        }

        public override bool Equals(InputBlock other)
            => other is ColumnBlock<T> { Taken: var taken } && Taken.SequenceEqual(taken, Comparer);

        protected virtual IEqualityComparer<T> Comparer => EqualityComparer<T>.Default;

        /// <summary>A value that outlives the row.</summary>
        protected virtual T Copied(T value) => value;
    }

    [Flags]
    private enum Kinds
    {
        Usual = 1,
        Missing = 2,
        Zero = 4,      // in a column of keys the missing one
        Negative = 8,
        Infinite = 16,
        BeyondAscii = 32,
    }

    private sealed class NumberBlock<T>(DataViewSchema.Column column) : ColumnBlock<T>(column) where T : unmanaged
    {
        protected override Kinds KindsOf(T value)
        {
            double number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
            return double.IsNaN(number) ? Kinds.Missing : double.IsInfinity(number) ? Kinds.Infinite
                : number == 0 ? Kinds.Zero : number < 0 ? Kinds.Negative : Kinds.Usual;
        }

        public override OrtValue ToValue()
        {
            long width = Dimensions[1..].Aggregate(1L, (product, length) => product * length);
            return OrtValue.CreateTensorValueFromMemory(Taken.ToArray(), [Taken.Count / width, .. Dimensions[1..]]);
        }
    }

    private sealed class TextBlock(DataViewSchema.Column column)
        : ColumnBlock<ReadOnlyMemory<char>>(column), IEqualityComparer<ReadOnlyMemory<char>>
    {
        protected override IEqualityComparer<ReadOnlyMemory<char>> Comparer => this;

        protected override Kinds KindsOf(ReadOnlyMemory<char> value) => value.IsEmpty ? Kinds.Missing
            : Ascii.IsValid(value.Span) ? Kinds.Usual : Kinds.BeyondAscii;

        public override OrtValue ToValue()
        {
            long width = Dimensions[1..].Aggregate(1L, (product, length) => product * length);
            OrtValue value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, [Taken.Count / width, .. Dimensions[1..]]);
            for (int i = 0; i < Taken.Count; i++)
                value.StringTensorSetElementAt(Taken[i].Span, i);
            return value;
        }

        protected override ReadOnlyMemory<char> Copied(ReadOnlyMemory<char> value) => value.ToString().AsMemory();

        bool IEqualityComparer<ReadOnlyMemory<char>>.Equals(ReadOnlyMemory<char> x, ReadOnlyMemory<char> y) => x.Span.SequenceEqual(y.Span);

        int IEqualityComparer<ReadOnlyMemory<char>>.GetHashCode(ReadOnlyMemory<char> value) => string.GetHashCode(value.Span);
    }
}
