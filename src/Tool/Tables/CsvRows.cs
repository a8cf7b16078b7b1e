using System.Text;
using nietras.SeparatedValues;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>Collects rows of a CSV file into blocks.</summary>
/// <param name="table">Whose rows they are.</param>
/// <param name="wanted">The columns that are read.</param>
/// <param name="kept">What is carried along.</param>
internal sealed class CsvRows(CsvTable table, IReadOnlyList<Wanted> wanted, Kept kept)
{
    private readonly StringBuilder _line = new();
    private readonly CharPool _keptText = new(), _cellText = new();
    private readonly List<int> _keptEnds = [];
    private readonly List<float>?[] _numbers = [.. wanted.Select(column => column.Kind == CellKind.Number ? new List<float>() : null)];
    private readonly List<(int From, int Length)>?[] _texts =
        [.. wanted.Select(column => column.Kind == CellKind.Number ? null : new List<(int, int)>())];

    /// <summary>Lines before the reader's first one.</summary>
    public int LinesBefore { get; set; }

    /// <summary>Takes a row.</summary>
    public void Add(SepReader.Row row, int inBlock)
    {
        // a quote that is no cell's first letter runs over rows: it is the cause where the count of cells is wrong
        if (row.Span.Contains('"') && Quotes.Fault(row.Span, table.Format.Separator) is { } fault)
            throw new ToolException($"{table.Name}, line {Line(row, inBlock)}: {fault}");
        if (row.ColCount != table.Columns.Count)
        {
            throw new ToolException($"{table.Name}, line {Line(row, inBlock)}: {Cells(row.ColCount)}, where the first line has "
                + $"{table.Columns.Count}.");
        }
        // before any cell is looked at: Sep takes quotes away in place
        if (kept.WholeRow)
            _keptText.Append(row.Span);
        for (int i = 0; i < wanted.Count; i++)
        {
            ReadOnlySpan<char> cell = row[wanted[i].Column].Span;
            if (_texts[i] is { } texts)
                texts.Add((_cellText.Append(cell), cell.Length));
            else if (table.Numbers.TryRead(cell, out float number))
                _numbers[i]!.Add(number);
            else
            {
                throw new ToolException($"{table.Name}, line {Line(row, inBlock)}, column '{table.Columns[wanted[i].Column]}': "
                    + $"'{cell}' is not a number{Hint(cell)}.");
            }
        }
        if (!kept.WholeRow && kept.Columns.Count > 0)
            KeepCells(row);
        _keptEnds.Add(_keptText.Length);
    }

    /// <summary>The rows since the last block.</summary>
    public Block Block(int rows)
    {
        char[] cells = _cellText.Take();
        Array[] columns = [.. wanted.Select<Wanted, Array>((_, i) => _texts[i] is { } texts
            ? texts.Select(text => new ReadOnlyMemory<char>(cells, text.From, text.Length)).ToArray()
            : _numbers[i]!.ToArray())];
        var block = new Block(rows, columns, new Lines(_keptText.Take(), [.. _keptEnds]));
        _keptEnds.Clear();
        foreach (List<float>? numbers in _numbers)
            numbers?.Clear();
        foreach (List<(int, int)>? texts in _texts)
            texts?.Clear();
        return block;
    }

    /// <summary>Which option reads it, where one may.</summary>
    private string Hint(ReadOnlySpan<char> cell)
    {
        CellNumbers withComma = table.Numbers with { Point = ',' };
        return cell.Contains(',') && withComma.TryRead(cell, out _) ? "; --decimal comma reads decimal commas"
            : Cell.SaysNothing(cell) ? $"; --na '{cell.Trim()}' says that it is missing" : "";
    }

    private static string Cells(int count) => count == 1 ? "1 cell" : $"{count} cells";

    // Sep's number of the first line is one too high where the file has no header for it
    private int Line(SepReader.Row row, int inBlock)
        => LinesBefore + (inBlock == 0 && row.LineNumberToExcl - row.LineNumberFrom < 1 ? 1 : row.LineNumberFrom);

    private void KeepCells(SepReader.Row row)
    {
        _line.Clear();
        for (int i = 0; i < kept.Columns.Count; i++)
        {
            if (i > 0)
                _line.Append(table.Format.Separator);
            CsvCell.Append(_line, row[kept.Columns[i]].Span, table.Format.Separator);
        }
        foreach (ReadOnlyMemory<char> chunk in _line.GetChunks())
            _keptText.Append(chunk.Span);
    }

    /// <summary>Characters in one array that grows.</summary>
    private sealed class CharPool
    {
        private char[] _text = new char[1024];

        public int Length { get; private set; }

        public int Append(ReadOnlySpan<char> text)
        {
            int from = Length;
            if (_text.Length - from < text.Length)
                Array.Resize(ref _text, Math.Max(2 * _text.Length, from + text.Length));
            text.CopyTo(_text.AsSpan(from));
            Length += text.Length;
            return from;
        }

        /// <summary>The text so far; the next begins in an array of its own, for cells point into this one.</summary>
        public char[] Take()
        {
            char[] text = _text;
            (_text, Length) = (new char[text.Length], 0);
            return text;
        }
    }

    /// <summary>The kept text of each row.</summary>
    private sealed class Lines(char[] text, int[] ends) : KeptRows
    {
        public override void Append(int row, StringBuilder line, char separator)
        {
            int from = row == 0 ? 0 : ends[row - 1];
            line.Append(text, from, ends[row] - from);
        }
    }
}
