using System.CommandLine;
using System.Text;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>The options of CSV files.</summary>
internal sealed class CsvSettings
{
    private readonly Option<string?> _separator = VerbOptions.Checked(new Option<string?>("--separator")
    {
        Description = "Between the cells of CSV: a character, tab or space. Default: comma, semicolon, tab or bar, whichever the first "
            + "line has.",
        HelpName = "CHAR",
    }, text => text is null or "tab" or "\\t" or "space" or { Length: 1 }, "expected one character, tab or space");

    private readonly Option<string> _header = new Option<string>("--header")
    {
        Description = "Whether the first line of CSV names the columns. auto: it does where it holds no number. Without a header the "
            + "columns are Column1, Column2, ...",
        HelpName = "yes|no|auto",
        DefaultValueFactory = _ => "auto",
    }.AcceptOnlyFromAmong("yes", "no", "auto");

    private readonly Option<string> _decimal = new Option<string>("--decimal")
    {
        Description = "What stands before the decimals of a number in CSV.",
        HelpName = "point|comma",
        DefaultValueFactory = _ => "point",
    }.AcceptOnlyFromAmong("point", "comma");

    private readonly Option<string[]> _missing = VerbOptions.Names("--na",
        "What cells without a number hold, beside nothing, NA, N/A, NaN, null, None and ?: words in CSV, as - or n.a., and numbers, as "
        + "-999. A model remembers numbers that it was trained with.", "WORDS");

    private readonly Option<string?> _encoding = VerbOptions.Checked(new Option<string?>("--encoding")
    {
        Description = "How the letters of CSV are written, as latin1 or windows-1252. Default: UTF-8, or what a byte-order mark says.",
        HelpName = "NAME",
    }, text => text is null || IsUtf8(text) || EncodingOf(text) is not null,
        "expected the name of an encoding, as utf-8, latin1 or windows-1252");

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        verb.Add(_separator);
        verb.Add(_header);
        verb.Add(_decimal);
        verb.Add(_missing);
        verb.Add(_encoding);
    }

    /// <summary>What was said.</summary>
    public CsvOptions Read(ParseResult said)
    {
        if ((said.GetValue(_missing) ?? []).FirstOrDefault(word => float.IsInfinity(Number(word))) is { } infinite)
            throw new UsageException($"--na '{infinite}': a number that stands for missing ones is within those of single precision.");
        ILookup<bool, string> missing = (said.GetValue(_missing) ?? []).ToLookup(word => float.IsNaN(Number(word)));
        return new(
            said.GetValue(_separator) is not { } text ? null : text is "tab" or "\\t" ? '\t' : text == "space" ? ' ' : text[0],
            said.GetValue(_header) switch { "yes" => true, "no" => false, _ => null },
            said.GetValue(_encoding) is { } name ? EncodingOf(name) : null,
            new CellNumbers(said.GetValue(_decimal) == "comma" ? ',' : '.', [.. missing[true]])
            {
                Codes = [.. missing[false].Select(Number)],
            });
    }

    /// <summary>The number that a word is; NaN for none.</summary>
    private static float Number(string word) => Cell.TryNumber(word, out float number) ? number : float.NaN;

    private static Encoding? EncodingOf(string name)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        try
        {
            return IsUtf8(name) ? null : Encoding.GetEncoding(name); // what is read strictly is the default
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    private static bool IsUtf8(string name) => name.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
        || name.Equals("utf8", StringComparison.OrdinalIgnoreCase);
}
