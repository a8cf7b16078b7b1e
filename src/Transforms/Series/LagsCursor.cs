using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Series;

/// <summary>Rows with those before them, in the order of their source: a cursor, or a row that another hand moves on.</summary>
internal sealed class LagsCursor : LinkedCursor
{
    private readonly LagSettings _settings;
    private readonly ActiveColumns _columns;
    private readonly FeatureReader[] _readers;
    private readonly GroupReader _groups;
    private readonly Action<long, int, long> _check;
    private readonly float[] _row; // the inputs of the current row
    private readonly float[] _lags;
    private long _position = -1;
    private long _read;
    private long _longest;
    private bool _ended;

    /// <summary>A cursor over <paramref name="source"/>, which it owns from now on.</summary>
    /// <param name="settings">Which rows before.</param>
    /// <param name="columns">Which columns are asked for; without the added one rows are only counted.</param>
    /// <param name="source">The rows.</param>
    /// <param name="group">What tells series apart; null for one series.</param>
    /// <param name="check">Is given the number of rows, of groups and the rows of the longest at the end, where something depends on
    /// it.</param>
    public LagsCursor(LagSettings settings, ActiveColumns columns, DataViewRow source, DataViewSchema.Column? group,
        Action<long, int, long> check)
        : base(source)
    {
        (_settings, _columns, _check) = (settings, columns, check);
        DataViewSchema.Column[] inputs = columns.AnyAdded ? columns.Inputs : []; // without readers only rows are counted
        int[] sizes = [.. inputs.Select(column => (column.Type as VectorDataViewType)?.Size ?? 1)];
        _row = new float[sizes.Sum()];
        if ((long)settings.Depth * _row.Length > Array.MaxLength)
        {
            throw new ArgumentException($"Lags of up to {settings.Depth} rows of {_row.Length} values are more than one group can "
                + $"hold, {Array.MaxLength}. Take fewer columns or shorter lags.", nameof(source));
        }
        _lags = new float[_row.Length * settings.Lags.Length];
        _groups = GroupReader.Create(source, group, () => new LagHistory(settings.Depth, _row.Length));
        _readers = [.. inputs.Select((column, i) => new FeatureReader(source, column, sizes[i], _row, sizes[..i].Sum()))];
    }

    private bool Skips => _settings.FirstRows == LagsOfFirstRows.Skip;

    /// <inheritdoc/>
    public override DataViewSchema Schema => _columns.Output;

    /// <inheritdoc/>
    public override long Position => _position;

    /// <inheritdoc/>
    public override bool MoveNext()
    {
        while (!_ended && base.MoveNext())
        {
            if (Take())
                return true;
        }
        if (!_ended)
        {
            (_ended, _position) = (true, -1);
            if (_columns.AnyAdded || Skips)
                _check(_read, _groups.Count, _longest);
        }
        return false;
    }

    /// <summary>Takes the row that the source now stands on. False where it is left out for having too few rows before it.</summary>
    public bool Take()
    {
        LagHistory history = _groups.Current();
        bool isGiven = history.IsFull || !Skips;
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
            _position++;
        return isGiven;
    }

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => _columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        _columns.Require(column);
        if (_columns.IsPassedThrough(column, out DataViewSchema.Column upstream))
            return Source.GetGetter<TValue>(upstream);
        return ActiveColumns.Cast<TValue>((ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
        {
            if (_position < 0)
                throw ActiveColumns.OnNoRow();
            FeatureReader.CopyRow(_lags, 0, _lags.Length, ref value);
        }), column);
    }
}
