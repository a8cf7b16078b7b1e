using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace RealNvp.ML.Samples.Cluster;

/// <summary>Silos as processes of this machine, and the redis-server that they find each other by, where one is installed.</summary>
public sealed class Cluster : IAsyncDisposable
{
    private readonly string _folder;
    private readonly Process? _redis;
    private readonly List<(int Port, int Gateway, Process Process)> _silos = [];

    private Cluster(string folder, Process? redis, int port)
        => (_folder, _redis, Membership) = (folder, redis, redis is null ? "" : $"redis:127.0.0.1:{port}");

    /// <summary>What silos and clients find each other by.</summary>
    public string Membership { get; private set; }

    /// <summary>The same for people.</summary>
    public string Kind => _redis is null ? "Orleans' development clustering" : "Redis";

    /// <summary>Where clients find the silos.</summary>
    public IReadOnlyList<IPEndPoint> Gateways => [.. _silos.Select(silo => new IPEndPoint(IPAddress.Loopback, silo.Gateway))];

    /// <summary>A cluster without silos so far.</summary>
    /// <param name="folder">The models.</param>
    public static Cluster Start(string folder)
    {
        int port = FreePort();
        try
        {
            var redis = Process.Start(new ProcessStartInfo("redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", folder]) { RedirectStandardOutput = true })!;
            while (redis.StandardOutput.ReadLine() is { } line)
            {
                if (line.Contains("Ready to accept connections", StringComparison.Ordinal))
                    break;
            }
            _ = redis.StandardOutput.ReadToEndAsync(); // so that it never waits for a reader
            AppDomain.CurrentDomain.ProcessExit += (_, _) => redis.Kill(); // also where this process is interrupted
            return new Cluster(folder, redis.HasExited ? null : redis, port);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new Cluster(folder, null, port);
        }
    }

    /// <summary>Starts one more silo, or a killed one again, and waits until it serves.</summary>
    public async Task StartSilo(int? again = null)
    {
        (int port, int gateway) = again is { } i ? (_silos[i].Port, _silos[i].Gateway) : (FreePort(), FreePort());
        if (Membership.Length == 0)
            Membership = $"127.0.0.1:{port}"; // the first one keeps the table of the others
        var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(Cluster).Assembly.Location, "silo", _folder, Membership,
            $"{port}", $"{gateway}"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        string? line = await process.StandardOutput.ReadLineAsync();
        if (again is { } place)
            _silos[place] = (port, gateway, process);
        else
            _silos.Add((port, gateway, process));
        if (line != "ready")
            throw new InvalidOperationException($"A silo does not start: {line}");
        _ = process.StandardOutput.ReadToEndAsync();
    }

    /// <summary>Kills a silo, which cannot say goodbye. Under development clustering the first one must stay.</summary>
    public void Kill(int silo)
    {
        _silos[silo].Process.Kill();
        _silos[silo].Process.WaitForExit();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        foreach (Process process in _silos.Select(silo => silo.Process).Append(_redis).OfType<Process>())
        {
            process.Kill();
            process.WaitForExit();
        }
        return ValueTask.CompletedTask;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
