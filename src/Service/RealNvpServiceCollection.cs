using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RealNvp.ML.AspNetCore;
using RealNvp.ML.Serving;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds flows to the services of an application.</summary>
public static class RealNvpServiceCollection
{
    /// <summary>
    /// Adds models to be served: they are loaded when the application starts, which fails where one that is named cannot be, and exchanged
    /// when their files change. <c>MapRealNvp</c> gives them addresses. The meter <c>RealNvp.ML</c> measures.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="models">Paths of files and folders, or NAME=PATH, as of <see cref="FolderStore"/>.</param>
    /// <example>
    /// <code>
    /// builder.Services.AddRealNvp("models");
    /// </code>
    /// </example>
    public static IServiceCollection AddRealNvp(this IServiceCollection services, params string[] models)
        => services.AddRealNvp(options =>
        {
            foreach (string model in models)
                options.Models.Add(model);
        });

    /// <summary>As the other overload, with all there is to choose.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Names the models, and chooses.</param>
    public static IServiceCollection AddRealNvp(this IServiceCollection services, Action<RealNvpServiceOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.Configure(configure);
        services.TryAddSingleton<IFlowStore>(provider
            => new FolderStore(provider.GetRequiredService<IOptions<RealNvpServiceOptions>>().Value.Models));
        services.TryAddSingleton(provider =>
        {
            RealNvpServiceOptions options = provider.GetRequiredService<IOptions<RealNvpServiceOptions>>().Value.Checked();
            ILogger logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger("RealNvp.ML");
            return new ModelHost(provider.GetRequiredService<IFlowStore>(), options.Batching, options.PollInterval,
                provider.GetService<IMeterFactory>(), (message, problem) => ServiceLog.Tell(logger, message, problem));
        });
        services.AddHostedService<ModelHostService>();
        return services;
    }
}
