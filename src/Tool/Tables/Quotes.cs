namespace RealNvp.ML.Tool.Tables;

/// <summary>
/// Quotes that no writer of CSV would write (RFC 4180): readers differ in what they make of them, and Sep goes on to the next one, over
/// separators and ends of lines, so that two rows could become one and nobody would know.
/// </summary>
internal static class Quotes
{
    /// <summary>What is wrong with the quotes of a row, as it stands in the file; null for nothing.</summary>
    public static string? Fault(ReadOnlySpan<char> row, char separator)
    {
        bool isQuoted = false, isBegin = true, mayBeQuoted = false;
        foreach (char letter in row)
        {
            if (letter == '"')
            {
                mayBeQuoted |= isBegin;
                (isQuoted, isBegin) = (!isQuoted, false);
            }
            else if (isQuoted)
            {
                if (!mayBeQuoted && (letter == separator || letter is '\n' or '\r'))
                    return "a quote within a cell that does not begin with one; such a cell is written \"5\"\" pipe\".";
            }
            else if (letter == separator)
                (isBegin, mayBeQuoted) = (true, false);
            else
                isBegin &= letter == ' ';
        }
        return isQuoted ? "a quote that nothing closes." : null;
    }
}
