using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>What stands on a command line for data: files, folders of files, or - for standard input.</summary>
internal static class Sources
{
    /// <summary>Standard input.</summary>
    public const string Standard = "-";

    /// <summary>
    /// The files that paths stand for, in order: a folder stands for the tables in it, or is one of images; no path for standard input.
    /// </summary>
    /// <exception cref="ToolException">There is no such file, or nothing to read in a folder.</exception>
    public static IReadOnlyList<string> Files(IReadOnlyCollection<string> paths)
        => paths.Count == 0 ? [Standard] : [.. paths.SelectMany(FilesOf)];

    /// <summary>Opens a table.</summary>
    /// <param name="path">A file, a folder of images, or -.</param>
    /// <param name="terminal">Has standard input.</param>
    /// <param name="csv">What is known of a CSV file; of others only which numbers stand for missing ones.</param>
    /// <param name="expected">Names by which a header is known as one.</param>
    /// <param name="rowsPerBlock">Rows of CSV that are read together.</param>
    public static ITable Open(string path, Terminal terminal, CsvOptions csv, IReadOnlyCollection<string> expected,
        int rowsPerBlock = ITable.RowsPerBlock)
        => path == Standard ? CsvTable.Open(terminal.Input, csv, expected, rowsPerBlock)
        : Directory.Exists(path) ? new ImageTable(path)
        : IsParquet(path) ? new ParquetTable(path, csv.Numbers ?? CellNumbers.Plain)
        : CsvTable.Open(path, csv, expected, rowsPerBlock);

    /// <summary>Whether a file is Parquet, by its name.</summary>
    public static bool IsParquet(string path) => path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> FilesOf(string path)
    {
        if (path == Standard || File.Exists(path))
            return [path];
        if (!Directory.Exists(path))
            throw new ToolException($"There is no file or folder {path}.");
        string[] tables = [.. Directory.GetFiles(path).Where(IsTable).Order(StringComparer.Ordinal)];
        // without tables it is a folder of images, or says that it is none
        return tables.Length > 0 ? tables : [path];
    }

    private static bool IsTable(string path)
        => !Path.GetFileName(path).StartsWith('.') && (IsParquet(path)
            || new[] { ".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz" }.Any(end => path.EndsWith(end, StringComparison.OrdinalIgnoreCase)));
}
