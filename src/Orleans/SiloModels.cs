using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using RealNvp.ML.Serving;

namespace RealNvp.ML.Orleans;

/// <summary>The models of a silo: those that its grains have asked for. It goes after the grains, with the silo's services.</summary>
internal sealed partial class SiloModels : IAsyncDisposable
{
    public SiloModels(IFlowStore store, RealNvpSiloOptions options, IMeterFactory? meters, ILogger logger)
    {
        Options = options;
        Host = new ModelHost(store, options.Batching, options.PollInterval, meters, (message, problem) =>
        {
            if (problem is null)
                Served(logger, message);
            else
                NotServed(logger, message);
        }, onDemand: true);
    }

    /// <summary>What was chosen.</summary>
    public RealNvpSiloOptions Options { get; }

    /// <summary>The models.</summary>
    public ModelHost Host { get; }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Host.DisposeAsync();

    [LoggerMessage(Level = LogLevel.Information, Message = "{Message}")]
    private static partial void Served(ILogger logger, string message);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Message}")]
    private static partial void NotServed(ILogger logger, string message);
}

/// <summary>Options and store are checked when the silo starts, not by the first caller.</summary>
internal sealed class SiloStart(SiloModels models) : ILifecycleParticipant<ISiloLifecycle>
{
    /// <inheritdoc/>
    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(SiloModels), ServiceLifecycleStage.ApplicationServices,
        models.Host.Start);
}
