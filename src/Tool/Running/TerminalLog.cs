using Microsoft.Extensions.Logging;

namespace RealNvp.ML.Tool.Running;

/// <summary>What a service logs, as lines of the terminal: warnings always, what is worth knowing unless it is to be quiet.</summary>
internal sealed class TerminalLog(Terminal terminal) : ILoggerProvider, ILogger
{
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        string message = formatter(state, exception);
        lock (_lock)
        {
            if (logLevel >= LogLevel.Warning)
                terminal.Warn(exception is null ? message : $"{message} {Guard.Message(exception)}");
            else
                terminal.Note(message);
        }
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
