using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RealNvp.ML.Serving;

namespace RealNvp.ML.AspNetCore;

/// <summary>The models live as long as the application: there before the first request, gone after the last.</summary>
internal sealed class ModelHostService(ModelHost host, IHostApplicationLifetime lifetime) : IHostedService
{
    private CancellationTokenRegistration _stopping;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _stopping = lifetime.ApplicationStopping.Register(host.BeginEnd); // requests are finished, and no new ones asked for
        return host.Start(cancellationToken);
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.DisposeAsync();
        await host.DisposeAsync();
    }
}

/// <summary>What the log is told of models.</summary>
internal static partial class ServiceLog
{
    /// <summary>Tells of a model, and where there is a problem that as a warning.</summary>
    public static void Tell(ILogger logger, string message, Exception? problem)
    {
        if (problem is null)
            Served(logger, message);
        else
            NotServed(logger, message);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Message}")]
    private static partial void Served(ILogger logger, string message);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Message}")]
    private static partial void NotServed(ILogger logger, string message);
}
