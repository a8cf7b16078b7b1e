using System.Text;

namespace RealNvp.ML.Tool.Tables;

/// <summary>How CSV writes a cell.</summary>
internal static class CsvCell
{
    /// <summary>Appends a cell, in quotes where it needs them (RFC 4180).</summary>
    public static void Append(StringBuilder line, ReadOnlySpan<char> cell, char separator)
    {
        if (cell.IndexOfAny(separator, '"', '\n') < 0 && !cell.Contains('\r'))
        {
            line.Append(cell);
            return;
        }
        line.Append('"');
        foreach (char letter in cell)
        {
            if (letter == '"')
                line.Append('"');
            line.Append(letter);
        }
        line.Append('"');
    }
}
