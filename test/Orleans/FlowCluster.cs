using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.TestingHost;
using RealNvp.ML.Export;
using RealNvp.ML.Orleans;
using RealNvp.ML.Serving;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tests.Service;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Orleans;

/// <summary>Two silos in this process over a folder of models, which they let go of after two seconds.</summary>
public sealed class FlowCluster : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private InProcessTestCluster? _cluster;

    internal FlowModel Flow { get; } = Flows.Random(features: 4);

    internal IFlowGrain Grain(string name) => _cluster!.Client.GetGrain<IFlowGrain>(name);

    /// <summary>A model as callers inside each silo see it.</summary>
    internal IEnumerable<IFlowGrain> OfEachSilo(string name)
        => _cluster!.Silos.Select(silo => silo.ServiceProvider.GetRequiredService<IGrainFactory>().GetGrain<IFlowGrain>(name));

    /// <summary>The models of each silo.</summary>
    internal IEnumerable<ModelHost> Hosts => _cluster!.Silos.Select(silo => silo.ServiceProvider.GetRequiredService<SiloModels>().Host);

    internal string File(string name) => _folder.File(name);

    public async ValueTask InitializeAsync()
    {
        Flow.Save(File("plain.rnvp"));
        System.IO.File.Copy(Path.Combine(Repository.Root, "test", "SavedModels", "condition-3.zip"), File("condition.zip"));
        ServedFlows.Categories(File("categories.zip"));
        System.IO.File.WriteAllText(File("broken.zip"), "PK, but no model");
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureSilo((_, silo) => silo
            .Configure<GrainCollectionOptions>(options => options.CollectionQuantum = TimeSpan.FromSeconds(1))
            .AddRealNvp(options =>
            {
                options.Models.Add(_folder.Root);
                options.PollInterval = TimeSpan.FromMilliseconds(20);
                options.IdleAfter = TimeSpan.FromSeconds(2);
                options.MaxRows = 2_000;
                options.MaxDrawnRows = 100;
            }));
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster!.DisposeAsync();
        _folder.Dispose();
    }
}
