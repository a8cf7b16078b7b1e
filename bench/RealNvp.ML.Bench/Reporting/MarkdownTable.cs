using System.Text;

namespace RealNvp.ML.Bench.Reporting;

/// <summary>A table with a text in its first column and numbers in the others, padded so that it reads as plain text too.</summary>
internal sealed class MarkdownTable(params string[] header)
{
    private readonly List<string[]> _rows = [header];

    /// <summary>Adds a row.</summary>
    public void Add(params string[] cells) => _rows.Add(cells.Length == header.Length
        ? cells
        : throw new ArgumentException($"A row of {cells.Length} cells in a table of {header.Length} columns.", nameof(cells)));

    /// <inheritdoc/>
    public override string ToString()
    {
        int[] widths = [.. Enumerable.Range(0, header.Length).Select(column => Math.Max(3, _rows.Max(row => row[column].Length)))];
        var text = new StringBuilder();
        for (int i = 0; i < _rows.Count; i++)
        {
            text.Append('|');
            for (int column = 0; column < widths.Length; column++)
                text.Append(' ').Append(column == 0 ? _rows[i][column].PadRight(widths[column]) : _rows[i][column].PadLeft(widths[column]))
                    .Append(" |");
            text.AppendLine();
            if (i == 0)
                text.Append('|').AppendJoin('|',
                    widths.Select((width, column) => column == 0 ? new string('-', width + 2) : new string('-', width + 1) + ':'))
                    .AppendLine("|");
        }
        return text.ToString();
    }
}
