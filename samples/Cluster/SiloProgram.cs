using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using StackExchange.Redis;

namespace RealNvp.ML.Samples.Cluster;

/// <summary>The process of a silo: it serves the models of a folder until its input ends.</summary>
public static class SiloProgram
{
    /// <summary>Runs it.</summary>
    /// <param name="arguments">Folder, membership, port among silos, port for clients.</param>
    public static async Task Run(string[] arguments)
    {
        (string folder, string membership) = (arguments[0], arguments[1]);
        int port = int.Parse(arguments[2], CultureInfo.InvariantCulture), gateway = int.Parse(arguments[3], CultureInfo.InvariantCulture);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Logging.AddConsole().SetMinimumLevel(LogLevel.Error);
        builder.UseOrleans(silo =>
        {
            silo.ConfigureEndpoints(IPAddress.Loopback, port, gateway).AddRealNvp(folder);
            silo.Configure<SiloOptions>(options => options.SiloName = $"silo {gateway}");
            // a silo that does not answer for two seconds is voted out by the others
            silo.Configure<ClusterMembershipOptions>(options => (options.ProbeTimeout, options.NumMissedProbesLimit,
                options.NumVotesForDeathDeclaration, options.TableRefreshTimeout)
                = (TimeSpan.FromSeconds(1), 2, 1, TimeSpan.FromSeconds(2)));
            if (membership.StartsWith("redis:", StringComparison.Ordinal))
                silo.UseRedisClustering(options => options.ConfigurationOptions = ConfigurationOptions.Parse(membership[6..]));
            else
                silo.UseDevelopmentClustering(IPEndPoint.Parse(membership));
        });
        using IHost host = builder.Build();
        await host.StartAsync();
        Console.WriteLine("ready");
        await Console.In.ReadLineAsync(); // who started it is gone
        await host.StopAsync();
    }
}
