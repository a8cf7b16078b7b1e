using Microsoft.Win32.SafeHandles;

namespace RealNvp.ML.Tool.Running;

/// <summary>
/// Where rows come from and go to, and where messages go. Standard output carries results alone; all else goes to standard error.
/// </summary>
/// <param name="Input">Standard input.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="IsInteractive">Whether standard error is a terminal on which a bar may move.</param>
internal sealed record Terminal(Stream Input, Stream Output, TextWriter Error, bool IsInteractive)
{
    /// <summary>Whether notes and progress are left out; errors and warnings never are.</summary>
    public bool IsQuiet { get; set; }

    /// <summary>The terminal of this process.</summary>
    public static Terminal OfProcess() => new(Console.OpenStandardInput(), StandardOutput(), Console.Error, !Console.IsErrorRedirected);

    /// <summary>Says something worth knowing.</summary>
    public void Note(string message)
    {
        if (!IsQuiet)
            Error.WriteLine(OneLine(message));
    }

    /// <summary>Says what may be wrong.</summary>
    public void Warn(string message) => Error.WriteLine($"warning: {OneLine(message)}");

    /// <summary>Says why the command ends.</summary>
    public void Fail(string message) => Error.WriteLine($"realnvp: {OneLine(message)}");

    /// <summary>A writer of results, to be flushed at the end.</summary>
    public StreamWriter Results() => new(Output, leaveOpen: true) { NewLine = "\n" };

    /// <summary>
    /// .NET's stream of standard output keeps silent where the reader of a pipe has gone, and all the rest would be computed in vain. One
    /// of the handle says so; but of a file it would leave the position, which other programs share, where it was.
    /// </summary>
    private static Stream StandardOutput()
    {
        if (OperatingSystem.IsWindows())
            return Console.OpenStandardOutput();
        var ofHandle = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return ofHandle.CanSeek ? Console.OpenStandardOutput() : ofHandle;
    }

    private static string OneLine(string message)
        => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
