using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Series;

/// <summary>
/// A data view with a column of earlier values added: lazy, enumerable many times and by many threads, and always in the order of its
/// source, of which each cursor reads one.
/// </summary>
internal sealed class LagsView(LagSettings settings, IDataView source, Action<string> warn) : IDataView
{
    private readonly DataViewSchema.Column[] _inputs = settings.FindInputs(source.Schema);
    private readonly DataViewSchema.Column? _group = settings.FindGroup(source.Schema);

    /// <inheritdoc/>
    public DataViewSchema Schema { get; } = OutputSchema(settings, source.Schema);

    /// <summary>No: what is before a row is a matter of order.</summary>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => Skips ? null : source.GetRowCount();

    private LagSettings Settings => settings;

    private bool Skips => settings.FirstRows == LagsOfFirstRows.Skip;

    /// <summary>The input's columns and the added one, which hides an input of the same name.</summary>
    public static DataViewSchema OutputSchema(LagSettings settings, DataViewSchema input)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumns([settings.Added(input)]);
        return builder.ToSchema();
    }

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var columns = new ActiveColumns(source.Schema, Schema, _inputs, columnsNeeded);
        // which rows are skipped depends on their groups, whatever is read
        IEnumerable<DataViewSchema.Column> upstream = columns.Upstream;
        if (_group is { } group && (columns.AnyAdded || Skips) && !upstream.Any(column => column.Index == group.Index))
            upstream = upstream.Append(group);
        DataViewRowCursor cursor = source.GetRowCursor(upstream); // in order, whoever asks
        try
        {
            return new Cursor(this, columns, cursor);
        }
        catch
        {
            cursor.Dispose();
            throw;
        }
    }

    /// <summary>One cursor: rows that are shared out have no rows before them.</summary>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        => [GetRowCursor(columnsNeeded, rand)];

    private void CheckLongestGroup(long rows, int groups, long longest)
    {
        if (rows == 0 || longest > settings.Depth)
            return;
        string found = $"The lags of column '{settings.Output}' go back {settings.Depth} rows, and no row has as many before "
            + $"it{(settings.Group is { } name ? $" in its group ('{name}')" : "")}: {rows} rows, {groups} "
            + $"{(groups == 1 ? "group" : "groups")}, of {longest} rows at most.";
        if (Skips)
        {
            throw new InvalidOperationException(
                found + " All rows were left out. Ask for smaller lags, or keep first rows (LagsOfFirstRows.NaN).");
        }
        warn(found + " Every row holds NaN.");
    }

    private sealed class Cursor : LinkedCursor
    {
        private readonly LagsView _view;
        private readonly LagSettings _settings;
        private readonly ActiveColumns _columns;
        private readonly FeatureReader[] _readers;
        private readonly GroupReader _groups;
        private readonly float[] _row; // the inputs of the current row
        private readonly float[] _lags;
        private long _position = -1;
        private long _read;
        private long _longest;
        private bool _ended;

        public Cursor(LagsView view, ActiveColumns columns, DataViewRowCursor source) : base(source)
        {
            (_view, _settings, _columns) = (view, view.Settings, columns);
            DataViewSchema.Column[] inputs = columns.AnyAdded ? view._inputs : []; // without readers only rows are counted
            int[] sizes = [.. inputs.Select(column => (column.Type as VectorDataViewType)?.Size ?? 1)];
            _row = new float[sizes.Sum()];
            if ((long)_settings.Depth * _row.Length > Array.MaxLength)
            {
                throw new ArgumentException($"Lags of up to {_settings.Depth} rows of {_row.Length} values are more than one group can "
                    + $"hold, {Array.MaxLength}. Take fewer columns or shorter lags.", nameof(source));
            }
            _lags = new float[_row.Length * _settings.Lags.Length];
            _groups = GroupReader.Create(source, columns.AnyAdded || view.Skips ? view._group : null,
                () => new LagHistory(_settings.Depth, _row.Length));
            _readers = [.. inputs.Select((column, i) => new FeatureReader(source, column, sizes[i], _row, sizes[..i].Sum()))];
        }

        public override DataViewSchema Schema => _columns.Output;

        public override long Position => _position;

        public override bool MoveNext()
        {
            while (!_ended && base.MoveNext())
            {
                LagHistory history = _groups.Current();
                bool isGiven = history.IsFull || !_view.Skips;
                if (isGiven && _columns.AnyAdded)
                {
                    for (int i = 0; i < _settings.Lags.Length; i++)
                        history.Copy(_settings.Lags[i], _lags.AsSpan(i * _row.Length, _row.Length));
                }
                foreach (FeatureReader reader in _readers)
                    reader.Take(0);
                history.Add(_row);
                _read++;
                _longest = Math.Max(_longest, history.Count);
                if (isGiven)
                {
                    _position++;
                    return true;
                }
            }
            if (!_ended)
            {
                (_ended, _position) = (true, -1);
                if (_columns.AnyAdded || _view.Skips)
                    _view.CheckLongestGroup(_read, _groups.Count, _longest);
            }
            return false;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            _columns.Require(column);
            if (_columns.IsPassedThrough(column, out DataViewSchema.Column upstream))
                return Source.GetGetter<TValue>(upstream);
            return ActiveColumns.Cast<TValue>((ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
            {
                if (_position < 0)
                    throw new InvalidOperationException("The cursor stands on no row: call MoveNext first.");
                FeatureReader.CopyRow(_lags, 0, _lags.Length, ref value);
            }), column);
        }
    }
}
