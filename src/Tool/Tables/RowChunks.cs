namespace RealNvp.ML.Tool.Tables;

/// <summary>
/// A text that ends after this many rows, and goes on when told to: Sep reads until its buffer is full, and would keep a writer waiting
/// that waits for an answer.
/// </summary>
/// <param name="text">The whole text.</param>
/// <param name="rows">Lines of a chunk; those in quotes belong to one row.</param>
internal sealed class RowChunks(TextReader text, int rows) : TextReader
{
    private int _next = -1, _left;
    private bool _isQuoted;

    /// <summary>Lines before the present chunk.</summary>
    public int LinesBefore { get; private set; }

    private int Lines { get; set; }

    /// <summary>Goes on to the next chunk; waits for its first character.</summary>
    /// <returns>False at the end of the text.</returns>
    public bool MoveNext()
    {
        (LinesBefore, _left) = (Lines, rows);
        return (_next = text.Read()) >= 0;
    }

    public override int Read(Span<char> buffer)
    {
        int count = 0;
        for (; count < buffer.Length && _left > 0; count++)
        {
            int letter = _next >= 0 ? _next : text.Read();
            _next = -1;
            if (letter < 0)
            {
                _left = 0;
                break;
            }
            buffer[count] = (char)letter;
            _isQuoted ^= letter == '"';
            if (letter != '\n')
                continue;
            Lines++;
            _left -= _isQuoted ? 0 : 1;
        }
        return count;
    }

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int ReadBlock(Span<char> buffer) => Read(buffer);

    public override int ReadBlock(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int Read()
    {
        Span<char> one = stackalloc char[1];
        return Read(one) == 0 ? -1 : one[0];
    }

    // what comes next is not known without waiting for it
    public override int Peek() => -1;
}
