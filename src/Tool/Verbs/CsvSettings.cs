using System.CommandLine;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>The options of CSV files.</summary>
internal sealed class CsvSettings
{
    private readonly Option<string?> _separator = VerbOptions.Checked(new Option<string?>("--separator")
    {
        Description = "Between the cells of CSV: a character, or tab. Default: comma, semicolon, tab or bar, whichever the first line has.",
        HelpName = "CHAR",
    }, text => text is null or "tab" or "\\t" or { Length: 1 }, "expected one character, or tab");

    private readonly Option<string> _header = new Option<string>("--header")
    {
        Description = "Whether the first line of CSV names the columns. auto: it does where it holds no number. Without a header the "
            + "columns are Column1, Column2, ...",
        HelpName = "yes|no|auto",
        DefaultValueFactory = _ => "auto",
    }.AcceptOnlyFromAmong("yes", "no", "auto");

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        verb.Add(_separator);
        verb.Add(_header);
    }

    /// <summary>What was said.</summary>
    public CsvOptions Read(ParseResult said) => new(
        said.GetValue(_separator) is not { } text ? null : text is "tab" or "\\t" ? '\t' : text[0],
        said.GetValue(_header) switch { "yes" => true, "no" => false, _ => null });
}
