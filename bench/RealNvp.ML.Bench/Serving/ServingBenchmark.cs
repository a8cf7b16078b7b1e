using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Serving;

/// <summary>
/// The service under wrk, beside the same model behind ML.NET's engine for single rows; files exchanged under load; memory.
/// </summary>
internal sealed class ServingBenchmark : Benchmark
{
    /// <summary>What a server process is told.</summary>
    public const string ServeOption = "--serve";

    private const string OursJson = "ours, JSON rows";
    private const string OursBytes = "ours, protocol v2 with bytes";
    private const string Baseline = "PredictionEngine, one call a row";

    private static readonly int[] s_rows = [1, 16, 128], s_connections = [4, 16, 64];

    private static BenchmarkFlow Flow => BenchmarkFlow.Standard;

    /// <inheritdoc/>
    public override string Name => "serving";

    /// <inheritdoc/>
    public override string Question => "how many rows per second does a service score, how late, and does it last?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--seconds"] = "how long each load lasts; 4 by default",
        ["--bound"] = "milliseconds that 99 of 100 requests may take; 10 by default",
        ["--reloads"] = "files that are exchanged under load; 50 by default",
        ["--minutes"] = "how long memory is watched under load; 2 by default",
        [ServeOption] = "for the processes that it starts",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        if (context.Arguments[ServeOption] is { } serve)
        {
            Servers.Run(serve.Split('|')[0], serve.Split('|')[1]);
            return;
        }
        string folder = Directory.CreateTempSubdirectory("realnvp-serving-").FullName;
        try
        {
            string path = Path.Combine(folder, "flow.zip");
            Servers.Save(Flow, path, threshold: 30);
            Throughput(context, path);
            context.Save();
            Lasting(context, path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Throughput(BenchmarkContext context, string path)
    {
        int seconds = context.Arguments.Count("--seconds") ?? 4, bound = context.Arguments.Count("--bound") ?? 10;
        int rounds = context.Arguments.Rounds ?? 3;
        context.Report.Add($"""
            {Flow}, behind Kestrel on loopback. wrk shares the cores with the servers, as may other work. The last line, without rows, is
            what the server, loopback and wrk take by themselves. Each load lasts {seconds} s, in {rounds} rounds in which the
            contenders take turns; medians. Of {string.Join(", ", s_connections)} connections, each with one request at a time,
            the number that gives most rows while 99 of 100 requests take at most {bound} ms. The baseline is ML.NET's engine, several
            in a pool, behind a minimal API with source-generated JSON; it takes and gives the same values as ours.
            """);
        using var ours = new ServerProcess(Servers.Ours, path);
        using var engines = new ServerProcess(Servers.Engines, path);
        (string Name, Func<int, (string Url, byte[] Body, int Header)> Request)[] contenders =
        [
            (OursJson, rows => (ours.Address + "/models/flow/score", Json(rows), 0)),
            (OursBytes, rows =>
            {
                (byte[] body, int header) = Bytes(rows);
                return (ours.Address + "/v2/models/flow/infer", body, header);
            }),
            (Baseline, rows => (engines.Address + "/score", Json(rows), 0)),
        ];
        foreach ((string _, Func<int, (string Url, byte[] Body, int Header)> request) in contenders)
        {
            (string url, byte[] body, int header) = request(4);
            Wrk.Run(url, body, header, 16, 3); // the runtime compiles for good
        }
        var table = new MarkdownTable("rows a request, who", "connections", "requests/s", "rows/s", "p50 ms", "p99 ms");
        foreach (int rows in s_rows)
        {
            var loads = (from contender in contenders from connections in s_connections select (contender.Name, connections))
                .ToDictionary(key => key, _ => new List<Load>());
            for (int round = 0; round < rounds; round++)
            {
                context.Progress.Show($"{rows} rows a request", round, rounds);
                foreach (int connections in s_connections)
                {
                    foreach ((string name, Func<int, (string Url, byte[] Body, int Header)> request) in contenders)
                    {
                        (string url, byte[] body, int header) = request(rows);
                        Load load = Wrk.Run(url, body, header, connections, seconds);
                        if (load.Failed > 0)
                            throw new BenchmarkFailedException($"{load.Failed} of {load.Answered} requests to {name} failed.");
                        loads[(name, connections)].Add(load);
                    }
                }
            }
            Dictionary<string, (int Connections, Load Load)> best = contenders.ToDictionary(contender => contender.Name, contender
                => s_connections.Select(connections => (Connections: connections, Load: Median(loads[(contender.Name, connections)])))
                    .OrderByDescending(load => load.Load.P99 <= bound).ThenByDescending(load => load.Load.P99 <= bound
                        ? load.Load.Requests : -load.Load.P99).First());
            foreach ((string name, (int connections, Load load)) in best)
            {
                table.Add($"{rows}, {name}", $"{connections}", Report.Number(load.Requests), Report.Number(rows * load.Requests),
                    Report.Number(load.Median), Report.Number(load.P99) + (load.P99 <= bound ? "" : " (!)"));
            }
            double value = rows * best[OursJson].Load.Requests, baseline = rows * best[Baseline].Load.Requests;
            context.Report.Add(new Figure($"serving.rows_by_{rows}", value, "rows/s", baseline, Baseline, value / baseline));
            double bytes = rows * best[OursBytes].Load.Requests;
            context.Report.Add(new Figure($"serving.rows_by_{rows}_bytes", bytes, "rows/s", baseline, Baseline, bytes / baseline));
        }
        Load nothing = Median([.. Enumerable.Range(0, rounds).Select(_
            => Wrk.Run(ours.Address + "/v2/health/live", [], 0, s_connections[1], seconds))]);
        table.Add("no row, ours, GET /v2/health/live", $"{s_connections[1]}", Report.Number(nothing.Requests), "",
            Report.Number(nothing.Median), Report.Number(nothing.P99));
        context.Report.Add(table);
    }

    /// <summary>Files exchanged under load, then memory under load.</summary>
    private static void Lasting(BenchmarkContext context, string path)
    {
        int reloads = context.Arguments.Count("--reloads") ?? 50, minutes = context.Arguments.Count("--minutes") ?? 2;
        using var server = new ServerProcess(Servers.Ours, path);
        string url = server.Address + "/models/flow/score";
        byte[] body = Json(4);
        using var client = new HttpClient();
        string Version()
            => JsonDocument.Parse(client.GetStringAsync(new Uri(server.Address + "/models/flow")).Result).RootElement
                .GetProperty("version").GetString()!;

        int exchanged = 0;
        long before = server.Resident;
        var time = Stopwatch.StartNew();
        long answered = 0, failed = 0;
        bool ended = false;
        Task load = Task.Run(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                Load part = Wrk.Run(url, body, 0, 32, 5);
                answered += part.Answered;
                failed += part.Failed;
            }
        });
        for (; exchanged < reloads; exchanged++)
        {
            context.Progress.Show("files exchanged under load", exchanged, reloads);
            string old = Version();
            Servers.Save(Flow, path, threshold: 31 + exchanged);
            for (int wait = 0; Version() == old; wait++)
            {
                if (wait > 1000)
                    throw new BenchmarkFailedException("A file was exchanged, and is not served.");
                Thread.Sleep(10);
            }
        }
        Volatile.Write(ref ended, true);
        load.Wait();
        double exchangeSeconds = time.Elapsed.TotalSeconds;
        long after = server.Resident;

        List<long> memory = [];
        long more = 0, moreFailed = 0;
        var end = Stopwatch.StartNew();
        Task watched = Task.Run(() =>
        {
            while (end.Elapsed.TotalMinutes < minutes)
            {
                Load part = Wrk.Run(url, body, 0, 32, 10);
                more += part.Answered;
                moreFailed += part.Failed;
            }
        });
        while (!watched.IsCompleted)
        {
            int seconds = (int)end.Elapsed.TotalSeconds;
            context.Progress.Show("memory under load", seconds, Math.Max(60 * minutes, seconds));
            memory.Add(server.Resident);
            watched.Wait(1000);
        }
        watched.Wait();
        long[] quarters = [.. Enumerable.Range(0, 4).Select(i =>
        {
            long[] part = [.. memory[(i * memory.Count / 4)..((i + 1) * memory.Count / 4)].Order()];
            return part[part.Length / 2] >> 20;
        })];
        context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"""
            {exchanged} files exchanged in {exchangeSeconds:F0} s under the load of 32 connections with 4 rows a request: {answered:N0}
            requests, {failed} failed. Resident memory was {before >> 20} MiB before and {after >> 20} MiB after. Then {minutes} minutes of
            the same load without exchanges: {more:N0} requests, {moreFailed} failed, and resident memory in the four quarters of the time
            {string.Join(", ", quarters)} MiB (medians).
            """));
        context.Report.Add(new Figure("serving.failed_in_reloads", failed, "requests", 0, "none may fail", failed == 0 ? 1 : 0));
        context.Report.Add(new Figure("serving.memory", quarters[3], "MiB in the last quarter", quarters[0], "the first quarter",
            (double)quarters[0] / quarters[3]));
        if (failed + moreFailed > 0)
            throw new BenchmarkFailedException($"{failed + moreFailed} requests failed.");
    }

    private static Load Median(List<Load> loads) => loads.OrderBy(load => load.Requests).ElementAt(loads.Count / 2);

    private static byte[] Json(int rows)
        => JsonSerializer.SerializeToUtf8Bytes([.. Flow.Rows(rows).Select(row => new ServedRow { Features = row })],
            ServedJson.Default.ServedRowArray);

    private static (byte[] Body, int Header) Bytes(int rows)
    {
        float[] values = [.. Flow.Rows(rows).SelectMany(row => row)];
        byte[] header = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $$$"""
            {"inputs": [{"name": "Features", "datatype": "FP32", "shape": [{{{rows}}}, {{{Flow.Features}}}],
            "parameters": {"binary_data_size": {{{4 * values.Length}}}}}], "parameters": {"binary_data_output": true}}
            """));
        return ([.. header, .. MemoryMarshal.AsBytes(values.AsSpan())], header.Length);
    }
}
