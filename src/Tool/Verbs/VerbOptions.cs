using System.CommandLine;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>Arguments and options that several verbs have.</summary>
internal static class VerbOptions
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

    /// <summary>A share from 0 to below a bound.</summary>
    public static Option<double?> Share(string name, string description, double below = 1) => Checked(
        new Option<double?>(name) { Description = description, HelpName = "SHARE" },
        share => share is null || share >= 0 && share < below, $"expected a number from 0 to below {below}");

    /// <summary>A number from 1, or another, on.</summary>
    public static Option<int?> Count(string name, string description, int least = 1) => Checked(
        new Option<int?>(name) { Description = description, HelpName = "N" }, count => count is null || count >= least,
            $"expected a number from {least} on");
}
