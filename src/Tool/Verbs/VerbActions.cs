using System.CommandLine;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Verbs;

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
}
