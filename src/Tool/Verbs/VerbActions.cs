using System.CommandLine;
using RealNvp.ML.Tool.Models;
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

    /// <summary>A model's flow, with another share of false alarms or threshold where one is asked for.</summary>
    /// <returns>Null where none is.</returns>
    public static Transforms.RealNvpTransformer? Adjusted(SavedModel model, double? contamination, float? threshold)
        => contamination is { } share ? model.Flow.WithContamination(share)
        : threshold is { } score ? model.Flow.WithThreshold(score) : null;
}
