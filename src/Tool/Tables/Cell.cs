using System.Globalization;

namespace RealNvp.ML.Tool.Tables;

/// <summary>What the cells of a column hold.</summary>
internal enum CellKind
{
    /// <summary>Numbers, NaN where a cell is empty.</summary>
    Number,

    /// <summary>Texts, empty where a cell is.</summary>
    Text,

    /// <summary>What no feature is made of: dates, bytes, lists. It passes through.</summary>
    Other,
}

/// <summary>A column to read: where it stands in the table, and as what.</summary>
internal readonly record struct Wanted(int Column, CellKind Kind);

/// <summary>How cells are read as numbers.</summary>
internal static class Cell
{
    private static readonly string[] s_missing = ["NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL", "None", "?"];

    /// <summary>Whether a cell says that its number is not known.</summary>
    public static bool IsMissing(ReadOnlySpan<char> cell)
    {
        cell = cell.Trim();
        if (cell.IsEmpty)
            return true;
        foreach (string word in s_missing)
        {
            if (cell.SequenceEqual(word))
                return true;
        }
        return false;
    }

    /// <summary>Whether a cell holds no letter and no digit, as a dash: hardly a text that someone meant.</summary>
    public static bool SaysNothing(ReadOnlySpan<char> cell)
    {
        foreach (char letter in cell)
        {
            if (char.IsLetterOrDigit(letter))
                return false;
        }
        return !cell.IsWhiteSpace();
    }

    /// <summary>Reads a number as all the world's programs write it: a decimal point, no separators of thousands.</summary>
    /// <returns>False where the cell is neither a number nor missing; NaN for a missing one.</returns>
    public static bool TryNumber(ReadOnlySpan<char> cell, out float number)
    {
        if (float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out number))
            return true;
        // as Python and C write what .NET calls Infinity
        ReadOnlySpan<char> word = cell.Trim();
        if (word.TrimStart("+-").Equals("inf", StringComparison.OrdinalIgnoreCase) && word.Length <= 4)
        {
            number = word[0] == '-' ? float.NegativeInfinity : float.PositiveInfinity;
            return true;
        }
        number = float.NaN;
        return IsMissing(cell);
    }

    /// <summary>A number as text that reads back to the same number.</summary>
    public static string Text<T>(T value)
        where T : IFormattable
        => value.ToString(value is DateTime or DateOnly or TimeOnly ? "O" : null, CultureInfo.InvariantCulture);
}
