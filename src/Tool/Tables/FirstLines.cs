using System.Text;

namespace RealNvp.ML.Tool.Tables;

/// <summary>A text whose first lines were looked at: it gives them again, then what follows, as it comes.</summary>
internal sealed class FirstLines : TextReader
{
    private const int MostLength = 1 << 20;

    private readonly TextReader _rest;
    private int _given;

    /// <summary>Reads on until two lines that hold something are there, or the end; empty lines before the first are left out.</summary>
    public FirstLines(TextReader text)
    {
        _rest = text;
        var lines = new StringBuilder();
        bool isQuoted = false;
        int ends = 0, inLine = 0;
        while (ends < 2 && lines.Length < MostLength && text.Read() is >= 0 and var letter)
        {
            if (lines.Length == 0 && letter is '\r' or '\n')
            {
                Skipped += letter == '\n' ? 1 : 0;
                continue;
            }
            isQuoted ^= letter == '"';
            if (letter == '\n' && !isQuoted)
                (ends, inLine) = (inLine > 0 ? ends + 1 : ends, 0);
            else if (letter != '\r')
                inLine++;
            lines.Append((char)letter);
        }
        Text = lines.ToString();
    }

    /// <summary>The lines.</summary>
    public string Text { get; }

    /// <summary>Empty lines before them.</summary>
    public int Skipped { get; }

    public override int Peek() => _given < Text.Length ? Text[_given] : _rest.Peek();

    public override int Read() => _given < Text.Length ? Text[_given++] : _rest.Read();

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int Read(Span<char> buffer)
    {
        if (_given == Text.Length)
            return _rest.Read(buffer);
        int count = Math.Min(buffer.Length, Text.Length - _given);
        Text.AsSpan(_given, count).CopyTo(buffer);
        _given += count;
        return count;
    }

    public override int ReadBlock(Span<char> buffer)
    {
        int count = 0;
        while (count < buffer.Length && Read(buffer[count..]) is > 0 and var read)
            count += read;
        return count;
    }

    public override int ReadBlock(char[] buffer, int index, int count) => ReadBlock(buffer.AsSpan(index, count));

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _rest.Dispose();
        base.Dispose(disposing);
    }
}
