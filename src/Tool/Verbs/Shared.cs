using System.CommandLine;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>Arguments and options that several verbs have.</summary>
internal static class Shared
{
    /// <summary>The model that is used.</summary>
    public static Argument<string> Model()
        => new("MODEL") { Description = "A model that `realnvp train`, or ML.NET in an application, has saved." };

    /// <summary>The rows of a verb that reads files one by one or together.</summary>
    public static Argument<string[]> Data(string description) => new("DATA")
    {
        Description = description,
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>Where the result goes.</summary>
    public static Option<string?> Output(string description) => new("--output", "-o") { Description = description, HelpName = "PATH" };

    /// <summary>The seed of everything random.</summary>
    public static Option<int> Seed() => new("--seed")
    {
        Description = "The seed of everything random: the same seed gives the same result on the same machine.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    /// <summary>Where the nets run.</summary>
    public static Option<string?> Device() => Checked(
        new Option<string?>("--device") { Description = "cpu (default), cuda or cuda:N; a GPU needs the tool built with -p:Backend=cuda.",
            HelpName = "DEVICE" }, text => text is null || text.Split(':') is ["cpu"] or ["cuda"] or ["cuda", _],
        "expected cpu, cuda or cuda:N");

    /// <summary>No notes.</summary>
    public static Option<bool> Quiet() => new("--quiet", "-q") { Description = "Only errors and warnings on standard error." };

    /// <summary>A list of names, given at once with commas or one after the other.</summary>
    public static Option<string[]> Names(string name, string description, string helpName = "COLUMNS") => new(name)
    {
        Description = description,
        HelpName = helpName,
        DefaultValueFactory = _ => [],
        CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.TrimEntries
            | StringSplitOptions.RemoveEmptyEntries))],
    };

    /// <summary>An option whose value must pass a check.</summary>
    public static Option<T> Checked<T>(Option<T> option, Func<T?, bool> isRight, string expected)
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() || result.Implicit)
                return;
            bool right;
            try
            {
                right = isRight(result.GetValueOrDefault<T>());
            }
            catch (InvalidOperationException)
            {
                right = false; // no value of the type at all
            }
            if (!right)
                result.AddError($"{option.Name} is '{string.Join(' ', result.Tokens.Select(token => token.Value))}', {expected}.");
        });
        return option;
    }

    /// <summary>A share from 0 to below 1.</summary>
    public static Option<double?> Share(string name, string description) => Checked(
        new Option<double?>(name) { Description = description, HelpName = "SHARE" }, share => share is null or >= 0 and < 1,
        "expected a number from 0 to below 1");

    /// <summary>A number from 1 on.</summary>
    public static Option<int?> Count(string name, string description) => Checked(
        new Option<int?>(name) { Description = description, HelpName = "N" }, count => count is null or >= 1,
            "expected a number from 1 on");
}

/// <summary>The options of CSV files.</summary>
internal sealed class CsvSettings
{
    private readonly Option<string?> _separator = Shared.Checked(new Option<string?>("--separator")
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

/// <summary>Runs a verb's action in the guard.</summary>
internal static class VerbActions
{
    /// <summary>Sets what a verb does.</summary>
    public static void Does(this Command verb, Terminal terminal, Option<bool> quiet, Action<ParseResult, CancellationToken> action)
        => verb.SetAction((said, cancellation) => Task.FromResult(Guard.Run(terminal, () =>
        {
            terminal.IsQuiet = said.GetValue(quiet);
            action(said, cancellation);
            return ExitCode.Done;
        })));

    /// <summary>A model's flow, with another share of false alarms or threshold where one is asked for.</summary>
    /// <returns>Null where none is.</returns>
    public static Transforms.RealNvpTransformer? Adjusted(SavedModel model, double? contamination, float? threshold)
        => contamination is { } share ? model.Flow.WithContamination(share)
        : threshold is { } score ? model.Flow.WithThreshold(score) : null;
}
