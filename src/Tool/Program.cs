using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Verbs;

namespace RealNvp.ML.Tool;

/// <summary>The command <c>realnvp</c>.</summary>
internal static partial class Program
{
    private static int Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var stop = new CancellationTokenSource();
        int? signalled = null;
        void end(PosixSignalContext context)
        {
            context.Cancel = signalled is null; // a second one ends the process at once
            signalled = context.Signal == PosixSignal.SIGTERM ? ExitCode.Terminated : ExitCode.Interrupted;
            stop.Cancel();
        }
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, end),
            terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, end);
        int code = Run(args, Terminal.OfProcess(), stop.Token);
        return code == ExitCode.Interrupted ? signalled ?? code : code;
    }

    /// <summary>What the parser says of a number that is none: it names a type of .NET.</summary>
    [GeneratedRegex("^Cannot parse argument '(.*)' for option '(.*)' as expected type .*$", RegexOptions.Singleline)]
    private static partial Regex NoType();

    /// <summary>Runs one command line.</summary>
    /// <returns>The exit code.</returns>
    internal static int Run(string[] args, Terminal terminal, CancellationToken cancellation = default)
    {
        var root = new RootCommand($"""
            Normalizing flows on tables and images: learn the density of rows, score how odd new ones are and say why, draw rows.

            realnvp train data.csv -o model.zip && realnvp score model.zip new.csv > scored.csv

            Data are CSV (separator, header, quotes and .gz found by themselves), Parquet, or folders of images. Results go to standard
            output or the file of -o; notes and progress to standard error. `realnvp VERB --help` tells the rest.

            {ExitCode.Help}
            """)
        {
            TrainVerb.Create(terminal), ScoreVerb.Create(terminal), ExplainVerb.Create(terminal), EvaluateVerb.Create(terminal),
            SampleVerb.Create(terminal), ExportVerb.Create(terminal), InfoVerb.Create(terminal), ServeVerb.Create(terminal),
        };
        ParseResult said = root.Parse(args);
        // the list of verbs has a line for each
        foreach (Command verb in root.Subcommands.Where(verb => verb != said.CommandResult.Command))
            verb.Description = verb.Description!.Split("\n\n")[0];
        string verbName = said.CommandResult.Command is RootCommand ? "" : " " + said.CommandResult.Command.Name;
        bool isWrong = said.Errors.Count > 0 && said.Action is ParseErrorAction;
        if ((isWrong || said.Action == said.CommandResult.Command.Action) && UnknownOption.In(said) is { } unknown)
        {
            terminal.Fail($"{unknown} `realnvp{verbName} --help` tells what there is.");
            return ExitCode.Usage;
        }
        if (isWrong)
        {
            string[] errors = [.. said.Errors.Select(error => NoType().Replace(error.Message, "$2 is '$1', expected a number."))];
            string error = errors.FirstOrDefault(message => message.Contains(", expected", StringComparison.Ordinal))
                ?? errors.FirstOrDefault(message => message.Contains('\'', StringComparison.Ordinal)) ?? errors[0];
            terminal.Fail($"{error} `realnvp{verbName} --help` tells what there is.");
            return ExitCode.Usage;
        }
        using StreamWriter output = terminal.Results();
        return said.InvokeAsync(
            new InvocationConfiguration { Output = output, Error = terminal.Error, EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null }, cancellation).GetAwaiter().GetResult();
    }
}
