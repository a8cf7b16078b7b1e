using Microsoft.ML;
using Microsoft.ML.Data;
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
            return new LagsCursor(settings, columns, cursor, columns.AnyAdded || Skips ? _group : null, CheckLongestGroup);
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
}
