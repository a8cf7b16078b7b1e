using Microsoft.ML;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Rows;

/// <summary>
/// Adds columns to the rows of files, in order and in constant memory. A file's output appears whole or not at all; where it is there and
/// newer than the model and the rows, it is not made again.
/// </summary>
/// <param name="model">What computes.</param>
/// <param name="terminal">Has standard input and output.</param>
internal sealed class RowWork(SavedModel model, Terminal terminal)
{
    /// <summary>The file of the model, whose age counts.</summary>
    public required string ModelPath { get; init; }

    /// <summary>What is known of CSV files.</summary>
    public CsvOptions Csv { get; init; } = new();

    /// <summary>Rows of CSV that are worked on together.</summary>
    public int RowsPerBlock { get; init; } = ITable.RowsPerBlock;

    /// <summary>The columns that are kept; null for all.</summary>
    public IReadOnlyList<string>? Keep { get; init; }

    /// <summary>The part that is worked on; null for all.</summary>
    public Shard? Shard { get; init; }

    /// <summary>Whether what is there already is made again.</summary>
    public bool Force { get; init; }

    /// <summary>Names and types of the columns that are added.</summary>
    public required IReadOnlyList<(string Name, Type Type)> Added { get; init; }

    /// <summary>Computes them for a view of this many rows.</summary>
    public required Func<IDataView, int, IReadOnlyList<ResultColumn>> Compute { get; init; }

    /// <summary>Chooses the rows that are written; null for all.</summary>
    public Func<IReadOnlyList<ResultColumn>, IReadOnlyList<int>>? Choose { get; init; }

    /// <summary>Works on files.</summary>
    /// <param name="files">One by one.</param>
    /// <param name="output">A file, a folder, or null for standard output.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    public void Run(IReadOnlyList<string> files, string? output, CancellationToken cancellation)
    {
        bool isFolder = output is not null && (files.Count > 1 || Directory.Exists(output)
            || output.EndsWith(Path.DirectorySeparatorChar) || output.EndsWith('/'));
        if (files.Count > 1 && !isFolder)
            throw new UsageException($"{files.Count} files need a folder for their output: -o FOLDER/.");
        if (!isFolder && output?.EndsWith(".parquet.gz", StringComparison.OrdinalIgnoreCase) == true)
            throw new UsageException($"{output}: Parquet is compressed within; let -o end in .parquet.");
        bool isPart = Shard is not null && files.Count == 1;
        IReadOnlyList<string> mine = Shard is null || isPart ? files : [.. Shard.Of(files)];
        // of all files, for another part may write what this one writes
        if (isFolder && files.GroupBy(NameOf, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new ToolException($"{string.Join(" and ", twice.Take(2))} would have the same output, {twice.Key}: give them other "
                + "names.");
        }
        foreach (string file in mine)
        {
            if (output is null)
            {
                WriteTo(terminal.Output, file, isParquet: false, isPart, cancellation);
                continue;
            }
            string name = NameOf(file);
            string target = isFolder ? Path.Combine(output, isPart ? Shard!.Name(name) : name) : output;
            if (File.Exists(file) && Path.GetFullPath(file) == Path.GetFullPath(target))
                throw new ToolException($"{target} is the input too; let -o name another file or folder.");
            if (IsDone(file, target, isFolder || Shard is not null))
            {
                terminal.Note($"{target} is there and newer than the model and {file}: passed over (--force makes it again)");
                continue;
            }
            using var whole = new WholeFile(target, ofRows: true);
            WriteTo(whole.Stream, file, Sources.IsParquet(target), isPart, cancellation);
            whole.Complete();
        }
    }

    private void WriteTo(Stream stream, string file, bool isParquet, bool isPart, CancellationToken cancellation)
    {
        using ITable table = Sources.Open(file, terminal, Csv, model.InputNames, RowsPerBlock);
        IReadOnlyList<Wanted?> found = model.Find(table);
        Wanted[] wanted = [.. found.OfType<Wanted>()];
        Kept kept = Keep is null ? Kept.AllBut(table, Added.Select(column => column.Name))
            : new Kept([.. Keep.Select(table.Find)], WholeRow: false);
        if (Keep is null && !kept.WholeRow)
            terminal.Warn($"{file} has columns named as results; the new results take their places, at the end.");
        Range blocks = isPart ? Shard!.Of(table.CountBlocks()) : Range.All;
        using IRowWriter writer = Writer(stream, table, kept, isParquet);
        var unknown = new UnknownCells(model, found);
        foreach (Block block in table.Read(wanted, kept, blocks).Ahead(cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            unknown.Look(block);
            IReadOnlyList<ResultColumn> results = Compute(model.View(found, () => [block]), block.Rows);
            writer.Write(block, results, Choose?.Invoke(results));
        }
        unknown.Tell(table.Name, terminal);
    }

    private IRowWriter Writer(Stream stream, ITable table, Kept kept, bool isParquet)
    {
        if (!isParquet)
        {
            return new CsvRowWriter(stream, (table as CsvTable)?.Format ?? CsvRowWriter.Plain,
                [.. kept.Columns.Select(column => table.Columns[column])], Added.Select(column => column.Name));
        }
        return table is ParquetTable parquet ? new ParquetRowWriter(stream, parquet, kept, Added)
            : throw new UsageException($"{table.Name} is not Parquet, and only Parquet is written as Parquet: let -o end in .csv.");
    }

    private static string NameOf(string file) => file == Sources.Standard ? "standard-input.csv"
        : OutputName(Path.GetFileName(Path.TrimEndingDirectorySeparator(file)));

    private static string OutputName(string name)
        => name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? name[..^3] : Path.HasExtension(name) ? name : name + ".csv";

    private bool IsDone(string file, string target, bool mayBePassedOver)
        => mayBePassedOver && !Force && File.Exists(file) && File.Exists(target)
        && File.GetLastWriteTimeUtc(target) >= File.GetLastWriteTimeUtc(file)
        && File.GetLastWriteTimeUtc(target) >= File.GetLastWriteTimeUtc(ModelPath);
}
