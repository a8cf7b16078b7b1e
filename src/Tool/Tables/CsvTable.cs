using System.IO.Compression;
using System.Text;
using nietras.SeparatedValues;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>
/// A CSV file, compressed (.gz) or not, or a stream that is read once. Separator and header are found in the first lines; empty lines are
/// passed over; a byte-order mark and the ends of lines are taken as they are.
/// </summary>
internal sealed class CsvTable : ITable
{
    private const string Standard = "standard input";

    private readonly Func<FirstLines> _open;
    private readonly int _rowsPerBlock;
    private readonly bool _isStream;
    private FirstLines? _opened;

    /// <param name="name">For messages.</param>
    /// <param name="open">Opens the text from its start.</param>
    /// <param name="options">What is known of it.</param>
    /// <param name="expected">Names by which a header is known as one.</param>
    /// <param name="rowsPerBlock">Rows that are read, and given to the next, together.</param>
    /// <param name="isStream">Whether rows may come one by one.</param>
    private CsvTable(string name, Func<FirstLines> open, CsvOptions options, IReadOnlyCollection<string> expected, int rowsPerBlock,
        bool isStream)
    {
        (Name, _open, _rowsPerBlock, _isStream) = (name, open, rowsPerBlock, isStream);
        _opened = open();
        Format = CsvFormat.Of(name, _opened.Text, options, expected);
    }

    public string Name { get; }

    /// <summary>How it is written.</summary>
    public CsvFormat Format { get; }

    public IReadOnlyList<string> Columns => Format.Names;

    /// <summary>Opens a file.</summary>
    public static CsvTable Open(
        string path, CsvOptions options, IReadOnlyCollection<string> expected, int rowsPerBlock = ITable.RowsPerBlock)
        => new(path, () => new FirstLines(Reader(Unpacked(path), path, options)), options, expected, rowsPerBlock, isStream: false);

    /// <summary>Reads a stream, once.</summary>
    public static CsvTable Open(Stream stream, CsvOptions options, IReadOnlyCollection<string> expected, int rowsPerBlock)
        => new(Standard, () => new FirstLines(Reader(stream, Standard, options)), options, expected, rowsPerBlock, isStream: true);

    public CellNumbers Numbers => Format.Numbers;

    public CellKind? KindOf(int column) => null;

    public int CountBlocks() => _isStream
        ? throw new UsageException($"{Name} is read once, and has no parts: --shard needs a file.")
        : Read([], Kept.None, Range.All).Count();

    public IEnumerable<Block> Read(IReadOnlyList<Wanted> wanted, Kept kept, Range blocks)
    {
        using FirstLines text = Interlocked.Exchange(ref _opened, null) ?? _open();
        // small blocks of a stream are answered one by one
        using RowChunks? chunks = _isStream && _rowsPerBlock < ITable.RowsPerBlock ? new RowChunks(text, _rowsPerBlock) : null;
        var rows = new CsvRows(this, wanted, kept);
        int first = blocks.Start.Value, end = blocks.End.IsFromEnd ? int.MaxValue : blocks.End.Value, block = 0, inBlock = 0;
        bool isHeader = Format.HasHeader;
        for (bool more = chunks?.MoveNext() ?? true; block < end && more; more = chunks?.MoveNext() ?? false)
        {
            rows.LinesBefore = text.Skipped + (chunks?.LinesBefore ?? 0);
            using SepReader reader = CsvFormat.Reader(Format.Separator, (TextReader?)chunks ?? text);
            while (block < end && reader.MoveNext())
            {
                SepReader.Row row = reader.Current;
                if (row.ColCount == 1 && row.Span.IsEmpty)
                    continue;
                if (isHeader)
                {
                    isHeader = false;
                    continue;
                }
                if (block >= first)
                    rows.Add(row, inBlock);
                if (++inBlock < _rowsPerBlock)
                    continue;
                if (block >= first)
                    yield return rows.Block(inBlock);
                (block, inBlock) = (block + 1, 0);
            }
        }
        if (inBlock > 0 && block >= first && block < end)
            yield return rows.Block(inBlock);
    }

    public void Dispose() => _opened?.Dispose();

    private static StreamReader Reader(Stream stream, string name, CsvOptions options)
        => new(stream, options.Encoding ?? Encoding.GetEncoding("utf-8", EncoderFallback.ReplacementFallback, new NotUtf8(name)));

    private static Stream Unpacked(string path)
    {
        FileStream file = File.OpenRead(path);
        return path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }
}
