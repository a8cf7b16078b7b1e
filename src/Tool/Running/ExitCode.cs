namespace RealNvp.ML.Tool.Running;

/// <summary>How the command ends.</summary>
internal static class ExitCode
{
    /// <summary>All was done.</summary>
    public const int Done = 0;

    /// <summary>The data, the model or the machine would not do; standard error has one line that says what to change.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl+C, as shells count: 128 and the number of the signal.</summary>
    public const int Interrupted = 130;

    /// <summary>Asked to end by SIGTERM, as batch queues do.</summary>
    public const int Terminated = 143;

    /// <summary>The reader of standard output went away, as <c>head</c> does.</summary>
    public const int BrokenPipe = 141;

    /// <summary>What the help says of them.</summary>
    public const string Help =
        "Exit codes: 0 done; 1 the data, the model or the machine would not do (one line on standard error says why); "
        + "2 wrong command line; 130 interrupted; 141 nobody reads standard output; 143 terminated.";
}
