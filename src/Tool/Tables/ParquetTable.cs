using System.Text;
using Parquet;
using Parquet.Schema;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>A Parquet file; its row groups are its blocks. Lists, maps and structures are passed over.</summary>
internal sealed class ParquetTable : ITable
{
    private readonly ParquetReader _reader;
    private readonly ParquetColumn[] _columns;

    /// <param name="path">The file.</param>
    /// <param name="numbers">Says which numbers stand for missing ones.</param>
    /// <exception cref="ToolException">The file is not Parquet.</exception>
    public ParquetTable(string path, CellNumbers numbers)
    {
        Numbers = numbers;
        Name = path;
        try
        {
            _reader = ParquetReader.CreateAsync(path, new ParquetOptions { UseDateOnlyTypeForDates = true }).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException))
        {
            throw new ToolException($"{path} cannot be read as Parquet: {e.Message}");
        }
        _columns = [.. _reader.Schema.DataFields.Select(ParquetColumn.Of).OfType<ParquetColumn>()];
        Columns = [.. _columns.Select(column => column.Field.Name)];
    }

    public string Name { get; }

    public IReadOnlyList<string> Columns { get; }

    public CellNumbers Numbers { get; }

    public CellKind? KindOf(int column) => _columns[column].Kind;

    public int CountBlocks() => _reader.RowGroupCount;

    public IEnumerable<Block> Read(IReadOnlyList<Wanted> wanted, Kept kept, Range blocks)
    {
        (int first, int count) = blocks.GetOffsetAndLength(_reader.RowGroupCount);
        for (int group = first; group < first + count; group++)
        {
            using ParquetRowGroupReader rows = _reader.OpenRowGroupReader(group);
            var read = new Dictionary<int, Array>();
            foreach (int column in wanted.Select(column => column.Column).Concat(kept.Columns))
            {
                if (!read.ContainsKey(column))
                    read.Add(column, _columns[column].Read(rows));
            }
            yield return new Block((int)rows.RowCount, [.. wanted.Select(column => Cells(column, read[column.Column]))],
                new ParquetRows([.. kept.Columns.Select(column => (_columns[column], read[column]))]));
        }
    }

    public void Dispose() => _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>The fields of columns, for a file that repeats them.</summary>
    public IEnumerable<DataField> Fields(Kept kept) => kept.Columns.Select(column => _columns[column].Field);

    private Array Cells(Wanted wanted, Array values)
    {
        ParquetColumn column = _columns[wanted.Column];
        if (wanted.Kind == CellKind.Text)
            return Enumerable.Range(0, values.Length).Select(row => column.ToText(values, row).AsMemory()).ToArray();
        return column.Kind == CellKind.Number
            ? Array.ConvertAll(column.ToNumbers(values), Numbers.Known)
            : throw new ToolException($"{Name}: the column '{column.Field.Name}' holds {column.Field.ClrType.Name}, expected numbers.");
    }
}

/// <summary>Columns of a row group that are carried along.</summary>
internal sealed class ParquetRows(IReadOnlyList<(ParquetColumn Column, Array Values)> columns) : KeptRows
{
    public override void Append(int row, StringBuilder line, char separator)
    {
        for (int i = 0; i < columns.Count; i++)
        {
            if (i > 0)
                line.Append(separator);
            CsvCell.Append(line, columns[i].Column.ToText(columns[i].Values, row), separator);
        }
    }

    /// <summary>Writes them as the next columns of a row group.</summary>
    public void Write(ParquetRowGroupWriter rows)
    {
        foreach ((ParquetColumn column, Array values) in columns)
            column.Write(rows, values);
    }
}
