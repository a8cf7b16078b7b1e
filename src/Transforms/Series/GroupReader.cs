using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Series;

/// <summary>The rows before, for each group of a cursor.</summary>
internal abstract class GroupReader
{
    /// <summary>The groups met so far.</summary>
    public abstract int Count { get; }

    /// <summary>The rows before the current row in its group.</summary>
    public abstract LagHistory Current();

    /// <summary>A reader of a cursor's group column, or of all rows as one group.</summary>
    public static GroupReader Create(DataViewRow source, DataViewSchema.Column? group, Func<LagHistory> start) => group switch
    {
        null => new OneGroup(start()),
        { Type: TextDataViewType } column => new TextGroups(source, column, start),
        { } column => (GroupReader)Activator.CreateInstance(
            typeof(ValueGroups<>).MakeGenericType(column.Type.RawType), source, column, start)!,
    };

    private sealed class OneGroup(LagHistory history) : GroupReader
    {
        public override int Count => 1;

        public override LagHistory Current() => history;
    }

    private sealed class ValueGroups<T>(DataViewRow source, DataViewSchema.Column column, Func<LagHistory> start) : GroupReader
        where T : notnull
    {
        private readonly ValueGetter<T> _getter = source.GetGetter<T>(column);
        private readonly Dictionary<T, LagHistory> _groups = [];
        private T _value = default!;

        public override int Count => _groups.Count;

        public override LagHistory Current()
        {
            _getter(ref _value);
            if (!_groups.TryGetValue(_value, out LagHistory? history))
                _groups.Add(_value, history = start());
            return history;
        }
    }

    private sealed class TextGroups(DataViewRow source, DataViewSchema.Column column, Func<LagHistory> start) : GroupReader
    {
        private readonly ValueGetter<ReadOnlyMemory<char>> _getter = source.GetGetter<ReadOnlyMemory<char>>(column);
        private readonly Dictionary<string, LagHistory> _groups = new(StringComparer.Ordinal);
        private ReadOnlyMemory<char> _value;

        public override int Count => _groups.Count;

        public override LagHistory Current()
        {
            _getter(ref _value);
            // the text's memory may be the source's to write over: a group's name is a string of our own, made once
            Dictionary<string, LagHistory>.AlternateLookup<ReadOnlySpan<char>> groups =
                _groups.GetAlternateLookup<ReadOnlySpan<char>>();
            if (!groups.TryGetValue(_value.Span, out LagHistory? history))
                groups[_value.Span] = history = start();
            return history;
        }
    }
}
