using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>A data view with a map's columns added: lazy, enumerable many times and by many threads, and shuffled as its source can be.</summary>
internal sealed class BatchView : IDataView
{
    private readonly BatchMap _map;
    private readonly IDataView _source;
    private readonly DataViewSchema.Column _feature;

    /// <summary>Adds the columns of <paramref name="map"/> to <paramref name="source"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or of another type.</exception>
    public BatchView(BatchMap map, IDataView source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _map = map;
        _source = source;
        _feature = map.FindInput(source.Schema);
        Schema = map.OutputSchema(source.Schema);
    }

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => _source.CanShuffle;

    /// <inheritdoc/>
    public long? GetRowCount() => _source.GetRowCount();

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        ActiveColumns columns = Ask(columnsNeeded);
        return Wrap(columns, _source.GetRowCursor(columns.Upstream, rand));
    }

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        ActiveColumns columns = Ask(columnsNeeded);
        return Array.ConvertAll(_source.GetRowCursorSet(columns.Upstream, n, rand), cursor => Wrap(columns, cursor));
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columnsNeeded) => new(_source.Schema, Schema, _feature, columnsNeeded);

    private DataViewRowCursor Wrap(ActiveColumns columns, DataViewRowCursor source)
    {
        if (!columns.AnyAdded)
            return new PassThroughCursor(columns, source);
        try
        {
            return new BatchCursor(_map, columns, source);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }
}
