using System.Buffers;

namespace RealNvp.ML.Tool.Tables;

/// <summary>How a file writes its numbers.</summary>
/// <param name="Point">Before the decimals: a point, or a comma.</param>
/// <param name="Missing">What cells without a number hold, beside what is known everywhere (<see cref="Cell.IsMissing"/>).</param>
internal sealed record CellNumbers(char Point, IReadOnlyList<string> Missing)
{
    /// <summary>Numbers that stand for a missing one, as -999.</summary>
    public IReadOnlyList<float> Codes { get; init; } = [];

    private const int LongestNumber = 64;
    private static readonly SearchValues<char> s_marks = SearchValues.Create(".,");

    /// <summary>A decimal point.</summary>
    public static CellNumbers Plain { get; } = new('.', []);

    /// <summary>A number, or NaN where it is a code.</summary>
    public float Known(float number)
    {
        foreach (float code in Codes)
        {
            if (number == code)
                return float.NaN;
        }
        return number;
    }

    /// <summary>Reads a cell.</summary>
    /// <returns>False where it is neither a number nor missing; NaN for a missing one.</returns>
    public bool TryRead(ReadOnlySpan<char> cell, out float number)
    {
        bool isNumber = TryWritten(cell, out float written);
        number = Known(written);
        return isNumber;
    }

    private bool TryWritten(ReadOnlySpan<char> cell, out float number)
    {
        if (Missing.Count > 0 && IsNamed(cell.Trim()))
        {
            number = float.NaN;
            return true;
        }
        if (Point == '.' || cell.Length > LongestNumber || cell.IndexOfAny(s_marks) is not (>= 0 and var at))
            return Cell.TryNumber(cell, out number);
        number = float.NaN;
        if (cell[at] == '.') // of thousands, or a date: nobody can tell
            return false;
        Span<char> written = stackalloc char[cell.Length];
        cell.CopyTo(written);
        written[at] = '.';
        return Cell.TryNumber(written, out number);
    }

    private bool IsNamed(ReadOnlySpan<char> cell)
    {
        foreach (string word in Missing)
        {
            if (cell.SequenceEqual(word))
                return true;
        }
        return false;
    }
}
