using System.Globalization;
using System.Text;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Rows;

/// <summary>Writes rows as CSV: the cells of the input as they came, then what was added. Every block is flushed.</summary>
internal sealed class CsvRowWriter : IRowWriter
{
    private readonly CsvFormat _format;
    private readonly StreamWriter _text;
    private readonly StringBuilder _line = new();
    private readonly bool _keepsCells;

    /// <param name="stream">Stays open.</param>
    /// <param name="format">That of the input, so that its cells fit.</param>
    /// <param name="kept">The names of the cells that are carried along.</param>
    /// <param name="added">The names of what is added.</param>
    public CsvRowWriter(Stream stream, CsvFormat format, IReadOnlyList<string> kept, IEnumerable<string> added)
    {
        (_format, _keepsCells) = (format, kept.Count > 0);
        _text = new StreamWriter(stream, format.Encoding, bufferSize: 1 << 16, leaveOpen: true);
        if (!format.HasHeader)
            return;
        _text.Write(format.Header(kept.Concat(added)));
        _text.Write(format.NewLine);
        _text.Flush();
    }

    /// <summary>The format of rows that do not come from CSV.</summary>
    public static CsvFormat Plain { get; } = new(',', HasHeader: true, "\n", []);

    public void Write(Block block, IReadOnlyList<ResultColumn> results, IReadOnlyList<int>? rows = null)
    {
        for (int i = 0; i < (rows?.Count ?? block.Rows); i++)
        {
            int row = rows?[i] ?? i;
            _line.Clear();
            block.Kept.Append(row, _line, _format.Separator);
            for (int column = 0; column < results.Count; column++)
            {
                if (column > 0 || _keepsCells)
                    _line.Append(_format.Separator);
                Append(results[column].Values, row);
            }
            _line.Append(_format.NewLine);
            foreach (ReadOnlyMemory<char> chunk in _line.GetChunks())
                _text.Write(chunk.Span);
        }
        _text.Flush();
    }

    public void Dispose() => _text.Dispose();

    private void Append(Array values, int row)
    {
        switch (values)
        {
            case float[] numbers:
                _line.Append(CultureInfo.InvariantCulture, $"{numbers[row]}");
                break;
            case float?[] known:
                _line.Append(CultureInfo.InvariantCulture, $"{known[row]}");
                break;
            case bool[] truths:
                _line.Append(truths[row] ? "true" : "false");
                break;
            default:
                CsvCell.Append(_line, ((string[])values)[row], _format.Separator);
                break;
        }
    }
}
