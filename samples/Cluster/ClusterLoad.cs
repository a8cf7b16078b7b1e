using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using RealNvp.ML.Orleans;
using StackExchange.Redis;

namespace RealNvp.ML.Samples.Cluster;

/// <summary>Many callers of one model, who try again where a silo went, and compare each score with that of one process.</summary>
public sealed class ClusterLoad : IAsyncDisposable
{
    private const int Attempts = 10;
    private const int BucketsPerSecond = 10;

    private const int Clients = 6; // each sends its calls to one silo, and to another when that one goes

    private readonly IHost[] _clients;
    private readonly IFlowGrain[] _grains;
    private readonly float[][] _rows;
    private readonly float[] _expected;

    private ClusterLoad(IHost[] clients, string model, float[][] rows, float[] expected)
    {
        (_clients, _rows, _expected) = (clients, rows, expected);
        _grains = [.. clients.Select(client => client.Services.GetRequiredService<IClusterClient>().GetGrain<IFlowGrain>(model))];
    }

    /// <summary>Callers at a time.</summary>
    public int Callers { get; init; } = 32;

    /// <summary>Rows of a request.</summary>
    public int RowsPerRequest { get; init; } = 16;

    /// <summary>Connects to a cluster.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="model">The name of the model.</param>
    /// <param name="rows">What callers have scored.</param>
    /// <param name="expected">The scores of one process.</param>
    public static async Task<ClusterLoad> Connect(Cluster cluster, string model, float[][] rows, float[] expected)
        => new([.. await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Client(cluster)))], model, rows, expected);

    /// <summary>The silos that answer, by their names.</summary>
    public async Task<IReadOnlySet<string>> Silos()
    {
        HashSet<string> silos = [];
        foreach (IFlowGrain grain in _grains)
            silos.Add((await grain.Describe()).Silo);
        return silos;
    }

    /// <summary>Has all callers score rows for a while.</summary>
    public async Task<LoadResult> Run(TimeSpan duration, CancellationToken end = default)
    {
        var time = Stopwatch.StartNew();
        List<(double End, double Milliseconds)>[] answered = [.. Enumerable.Range(0, Callers).Select(_ => new List<(double, double)>())];
        long wrong = 0, failed = 0, retried = 0;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var random = new Random(caller);
            while (time.Elapsed < duration && !end.IsCancellationRequested)
            {
                int first = random.Next(_rows.Length - RowsPerRequest);
                double start = time.Elapsed.TotalMilliseconds;
                FlowTable rows = FlowTable.Of(_rows[first..(first + RowsPerRequest)]);
                for (int attempt = 1; ; attempt++)
                {
                    try
                    {
                        float[] scores = (await _grains[caller % Clients].Score(rows, ["Score"])).Numbers("Score");
                        for (int i = 0; i < scores.Length; i++)
                        {
                            float expected = _expected[first + i];
                            if (!(Math.Abs(scores[i] - expected) <= 1e-4 * Math.Max(_rows[0].Length, Math.Abs(expected))))
                                Interlocked.Increment(ref wrong);
                        }
                        double now = time.Elapsed.TotalMilliseconds;
                        answered[caller].Add((now, now - start));
                        break;
                    }
                    catch (Exception e) when (MayPass(e) && attempt < Attempts)
                    {
                        Interlocked.Increment(ref retried);
                        await Task.Delay(Math.Min(20 << attempt, 1000));
                    }
                    catch (Exception e)
                    {
                        Interlocked.Increment(ref failed);
                        Console.Error.WriteLine($"failed: {e.GetType().Name}: {e.Message}");
                        break;
                    }
                }
            }
        }, CancellationToken.None)));
        double seconds = time.Elapsed.TotalSeconds;
        double[] buckets = new double[(int)(seconds * BucketsPerSecond) + 1];
        foreach ((double moment, _) in answered.SelectMany(list => list))
            buckets[Math.Min(buckets.Length - 1, (int)(moment / 1000 * BucketsPerSecond))] += BucketsPerSecond;
        return new LoadResult([.. answered.SelectMany(list => list).Select(answer => answer.Milliseconds).Order()], failed, wrong, retried,
            seconds, buckets);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (IHost client in _clients)
        {
            await client.StopAsync();
            client.Dispose();
        }
    }

    private static async Task<IHost> Client(Cluster cluster)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        builder.UseOrleansClient(client =>
        {
            // a request to a silo that is gone is given up soon, and a silo that is new found soon
            client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(3));
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(1));
            if (cluster.Membership.StartsWith("redis:", StringComparison.Ordinal))
                client.UseRedisClustering(options => options.ConfigurationOptions = ConfigurationOptions.Parse(cluster.Membership[6..]));
            else
                client.UseStaticClustering([.. cluster.Gateways]);
        });
        IHost host = builder.Build();
        await host.StartAsync();
        return host;
    }

    /// <summary>Whether it is worth trying again: the silo went, is full, or did not answer. Scoring twice gives the same.</summary>
    private static bool MayPass(Exception e) => e is TimeoutException or FlowBusyException or global::Orleans.Runtime.OrleansException
        or System.Net.Sockets.SocketException or IOException or ObjectDisposedException;
}

/// <summary>What became of the requests of a while.</summary>
/// <param name="Milliseconds">How long each took, retries included, in order.</param>
/// <param name="Failed">Requests that no retry saved.</param>
/// <param name="Wrong">Scores unlike the one process's.</param>
/// <param name="Retried">Retries.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="PerSecond">Requests per second in each tenth of a second.</param>
public sealed record LoadResult(double[] Milliseconds, long Failed, long Wrong, long Retried, double Seconds, double[] PerSecond)
{
    /// <summary>Requests answered.</summary>
    public int Answered => Milliseconds.Length;

    /// <summary>A percentile of the times, in milliseconds.</summary>
    public double Percentile(double share)
        => Milliseconds.Length == 0 ? double.NaN : Milliseconds[(int)(share * (Milliseconds.Length - 1))];
}
