using System.Text;
using nietras.SeparatedValues;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>What the options say of CSV files, where the first lines are not to tell.</summary>
/// <param name="Separator">Between cells; null: comma, semicolon, tab or bar, whichever the first line has.</param>
/// <param name="HasHeader">Whether the first line names the columns; null: where none of its cells is a number.</param>
/// <param name="Encoding">How letters are written; null: UTF-8, or what a byte-order mark says.</param>
/// <param name="Numbers">How numbers are written; null: with a decimal point.</param>
internal sealed record CsvOptions(char? Separator = null, bool? HasHeader = null, Encoding? Encoding = null, CellNumbers? Numbers = null);

/// <summary>How the rows of a CSV file are written.</summary>
/// <param name="Separator">Between cells.</param>
/// <param name="HasHeader">Whether the first line names the columns.</param>
/// <param name="NewLine">Between lines.</param>
/// <param name="Names">The columns, named by the header or else Column1, Column2, ...</param>
/// <param name="Encoding">How letters are written; null: UTF-8.</param>
internal sealed record CsvFormat(
    char Separator, bool HasHeader, string NewLine, IReadOnlyList<string> Names, Encoding? Encoding = null)
{
    /// <summary>How numbers are written.</summary>
    public CellNumbers Numbers { get; init; } = CellNumbers.Plain;

    /// <summary>The options of Sep: all checks that name a line are made here.</summary>
    public static SepReader Reader(char? separator, TextReader text) => Sep.Reader(options => options with
    {
        Sep = separator is { } known ? new Sep(known) : null,
        HasHeader = false,
        Unescape = true,
        DisableColCountCheck = true,
    }).From(text);

    /// <summary>Looks at the first lines.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="lines">Two lines, or what there is.</param>
    /// <param name="options">What is known.</param>
    /// <param name="expected">Names of which each header has at least one; none where any header will do.</param>
    public static CsvFormat Of(string name, string lines, CsvOptions options, IReadOnlyCollection<string> expected)
    {
        using SepReader reader = Reader(options.Separator, new StringReader(lines));
        if (!reader.MoveNext())
            throw new ToolException($"{name} is empty.");
        SepReader.Row row = reader.Current;
        CellNumbers numbers = options.Numbers ?? CellNumbers.Plain;
        string[] cells = [.. Enumerable.Range(0, row.ColCount).Select(i => reader.Current[i].ToString().Trim())];
        bool hasHeader = options.HasHeader
            ?? (cells.Intersect(expected, StringComparer.Ordinal).Any() || !cells.Any(IsNumber) && cells.Any(cell => cell.Length > 0));
        string[] names = [.. cells.Select((cell, i) => hasHeader && cell.Length > 0 ? cell : $"Column{i + 1}")];
        int end = lines.IndexOf('\n', StringComparison.Ordinal);
        // Sep takes a semicolon where the line has no separator at all
        char separator = options.Separator ?? (cells.Length > 1 ? reader.Spec.Sep.Separator : ',');
        return new(separator, hasHeader, end > 0 && lines[end - 1] == '\r' ? "\r\n" : "\n", names,
            options.Encoding) { Numbers = numbers };

        bool IsNumber(string cell) => numbers.TryRead(cell, out float number) && !float.IsNaN(number);
    }

    /// <summary>The line that names columns.</summary>
    public string Header(IEnumerable<string> names)
    {
        var line = new StringBuilder();
        foreach ((int i, string name) in names.Index())
        {
            if (i > 0)
                line.Append(Separator);
            CsvCell.Append(line, name, Separator);
        }
        return line.ToString();
    }
}
