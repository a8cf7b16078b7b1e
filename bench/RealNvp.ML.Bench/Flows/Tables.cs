using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Bench.Flows;

/// <summary>Rows as ML.NET holds them.</summary>
internal static class Tables
{
    /// <summary>
    /// A data view of the one column Features, kept in ML.NET's in-memory cache and filled: reading it costs the same for everyone, and as
    /// little as reading an IDataView can.
    /// </summary>
    public static IDataView Cached(MLContext ml, float[][] rows)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, rows[0].Length);
        IDataView cached = ml.Data.Cache(ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row }).ToArray(), schema),
            nameof(Row.Features));
        using DataViewRowCursor cursor = cached.GetRowCursor(cached.Schema);
        ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(cached.Schema[nameof(Row.Features)]);
        VBuffer<float> value = default;
        while (cursor.MoveNext())
            getter(ref value);
        return cached;
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
