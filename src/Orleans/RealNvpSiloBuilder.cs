using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using RealNvp.ML.Orleans;
using RealNvp.ML.Serving;

namespace Orleans.Hosting;

/// <summary>Adds flows to a silo.</summary>
public static class RealNvpSiloBuilder
{
    /// <summary>
    /// Adds models to be served by the silo, each loaded when it is first asked for and exchanged when its file changes. Callers find one
    /// by <c>GetGrain&lt;IFlowGrain&gt;(name)</c>. The meter <c>RealNvp.ML</c> measures.
    /// </summary>
    /// <param name="silo">The silo.</param>
    /// <param name="models">Paths of files and folders, or NAME=PATH, as of <see cref="FolderStore"/>.</param>
    /// <example>
    /// <code>
    /// builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRealNvp("models"));
    /// </code>
    /// </example>
    public static ISiloBuilder AddRealNvp(this ISiloBuilder silo, params string[] models) => silo.AddRealNvp(options =>
    {
        foreach (string model in models)
            options.Models.Add(model);
    });

    /// <summary>As the other overload, with all there is to choose.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="configure">Names the models, and chooses.</param>
    public static ISiloBuilder AddRealNvp(this ISiloBuilder silo, Action<RealNvpSiloOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(silo);
        ArgumentNullException.ThrowIfNull(configure);
        IServiceCollection services = silo.Services;
        services.Configure(configure);
        services.TryAddSingleton<IFlowStore>(provider => new FolderStore(Options(provider).Models));
        services.TryAddSingleton(provider => new SiloModels(provider.GetRequiredService<IFlowStore>(), Options(provider),
            provider.GetService<IMeterFactory>(), provider.GetRequiredService<ILoggerFactory>().CreateLogger("RealNvp.ML")));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILifecycleParticipant<Runtime.ISiloLifecycle>, SiloStart>());
        services.AddOptions<GrainCollectionOptions>().Configure<IOptions<RealNvpSiloOptions>>((collection, options)
            => collection.ClassSpecificCollectionAge[typeof(FlowGrain).FullName!] = options.Value.IdleAfter);
        return silo;
    }

    private static RealNvpSiloOptions Options(IServiceProvider provider)
        => provider.GetRequiredService<IOptions<RealNvpSiloOptions>>().Value.Checked();
}
