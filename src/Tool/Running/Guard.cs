using System.Text.RegularExpressions;

namespace RealNvp.ML.Tool.Running;

/// <summary>Turns what went wrong into one line and an exit code.</summary>
internal static partial class Guard
{
    private const string TraceVariable = "REALNVP_TRACE";
    private const string Worker = "Splitter/consolidator worker";

    /// <summary>Runs a verb.</summary>
    public static int Run(Terminal terminal, Func<int> verb)
    {
        try
        {
            return verb();
        }
        catch (Exception e)
        {
            Exception[] causes = [.. Causes(e)];
            if (causes.OfType<OperationCanceledException>().Any())
            {
                terminal.Fail("stopped");
                return ExitCode.Interrupted;
            }
            if (causes.Any(IsBrokenPipe))
                return ExitCode.BrokenPipe;
            if (Environment.GetEnvironmentVariable(TraceVariable) == "1")
                terminal.Error.WriteLine(e);
            terminal.Fail(LibraryWords.Of(Message(causes.FirstOrDefault(cause => cause is ToolException) ?? e)));
            return causes.Any(cause => cause is UsageException) ? ExitCode.Usage : ExitCode.Failed;
        }
    }

    /// <summary>What an exception says to a user.</summary>
    public static string Message(Exception e) => e switch
    {
        AggregateException { InnerException: { } inner } => Message(inner),
        // what ML.NET says of a worker of its own is no reason
        InvalidOperationException { InnerException: not null } when e.Message.StartsWith(Worker, StringComparison.Ordinal)
            => Message(e.GetBaseException()),
        ToolException or InvalidOperationException or InvalidDataException or FormatException or IOException
            or UnauthorizedAccessException or DllNotFoundException or NotSupportedException => e.Message,
        ArgumentException => Parameter().Replace(e.Message, ""),
        // the library's own: each says what to do
        _ when e.GetType().Namespace?.StartsWith("RealNvp.ML", StringComparison.Ordinal) == true => e.Message,
        _ => $"{e.GetType().Name}: {e.Message} (set {TraceVariable}=1 to see where)",
    };

    private static IEnumerable<Exception> Causes(Exception e)
        => e is AggregateException several ? several.InnerExceptions.SelectMany(Causes)
        : e.InnerException is { } inner ? Causes(inner).Prepend(e) : [e];

    private static bool IsBrokenPipe(Exception e) => e is IOException && e.Message.Contains("Broken pipe", StringComparison.Ordinal);

    [GeneratedRegex(@"\s*\(Parameter '[^']*'\)")]
    private static partial Regex Parameter();
}

/// <summary>One line for the user: the input, the model or an option is not as it must be.</summary>
internal class ToolException(string message) : Exception(message);

/// <summary>One line for the user: the command line asks for what cannot be, or for two things that exclude each other.</summary>
internal sealed class UsageException(string message) : ToolException(message);
