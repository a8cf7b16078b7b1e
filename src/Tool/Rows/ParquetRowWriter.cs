using Parquet;
using Parquet.Schema;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Rows;

/// <summary>Writes the rows of a Parquet file, row group by row group, with what was added.</summary>
internal sealed class ParquetRowWriter : IRowWriter
{
    private readonly ParquetWriter _writer;
    private readonly DataField[] _added;

    /// <param name="stream">Stays open.</param>
    /// <param name="table">The input, whose fields are repeated.</param>
    /// <param name="kept">Which of them.</param>
    /// <param name="added">Names and types of what is added.</param>
    public ParquetRowWriter(Stream stream, ParquetTable table, Kept kept, IEnumerable<(string Name, Type Type)> added)
    {
        _added = [.. added.Select(column => new DataField(column.Name, Nullable.GetUnderlyingType(column.Type) ?? column.Type,
            isNullable: column.Type == typeof(string) || Nullable.GetUnderlyingType(column.Type) is not null))];
        _writer = ParquetWriter.CreateAsync(new ParquetSchema([.. table.Fields(kept), .. _added]), stream).GetAwaiter().GetResult();
    }

    public void Write(Block block, IReadOnlyList<ResultColumn> results, IReadOnlyList<int>? rows = null)
    {
        if (rows is not null)
            throw new UsageException("Some rows of a Parquet file can be written as CSV only: let -o end in .csv.");
        using ParquetRowGroupWriter group = _writer.CreateRowGroup();
        ((ParquetRows)block.Kept).Write(group);
        for (int i = 0; i < results.Count; i++)
            Write(group, _added[i], results[i].Values).GetAwaiter().GetResult();
    }

    public void Dispose() => _writer.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static Task Write(ParquetRowGroupWriter group, DataField field, Array values) => values switch
    {
        float[] numbers => group.WriteAsync<float>(field, (ReadOnlyMemory<float>)numbers),
        float?[] known => group.WriteAsync<float>(field, (ReadOnlyMemory<float?>)known),
        bool[] truths => group.WriteAsync<bool>(field, (ReadOnlyMemory<bool>)truths),
        _ => group.WriteAsync(field, (string[])values),
    };
}
