using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using RealNvp.ML.Export;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Models;

namespace RealNvp.ML.Tests.Service;

/// <summary>Many callers at once: their scores, exchanged files, measurements, the end.</summary>
[Trait("Area", "Service")]
public sealed class LoadTests
{
    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_callers_get_the_scores_of_one_call_in_fewer_batches_and_are_measured()
    {
        FlowModel flow = Flows.Random(features: 6);
        await using RunningService service = await RunningService.Start(folder => flow.Save(folder.File("flow.rnvp")));
        using var measured = new Measured(service);
        float[][] rows = Flows.Rows(flow, 1_200, seed: 2);
        float[] expected = Scores(await service.Post("models/flow/score", rows));

        await Parallel.ForAsync(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 48, CancellationToken = _stop }, async (i, _) =>
        {
            int first = 3 * i, count = 1 + i % 3;
            Assert.Equal(expected[first..(first + count)], Scores(await service.Post("models/flow/score", rows[first..(first + count)])));
        });

        measured.Listener.RecordObservableInstruments();
        int requests = measured.Values("realnvp.request.duration").Count(value => value.Tags["outcome"] == "ok");
        Assert.Equal(401, requests);
        int batches = measured.Values("realnvp.batch.rows").Length;
        Assert.InRange(batches, 2, 400);
        Assert.Equal(1_200 + Enumerable.Range(0, 400).Sum(i => 1 + i % 3), measured.Values("realnvp.rows").Sum(value => value.Value));
        Assert.Equal(measured.Values("realnvp.rows").Sum(value => value.Value),
            measured.Values("realnvp.batch.rows").Sum(value => value.Value));
        double flagged = measured.Values("realnvp.rows.flagged").Sum(value => value.Value);
        Assert.Equal(flagged, (await service.Get("models/flow")).GetProperty("flagged").GetDouble());
        Assert.Contains(measured.Values("realnvp.drift.detected"), value => value.Value == 0 && value.Tags["model"] == "flow");
        Assert.Contains(measured.Values("realnvp.flagged.share"), value => value.Value is > 0 and < 1);
        Assert.Contains(measured.Values("realnvp.rows.waiting"), value => value.Value == 0);
    }

    [Fact]
    public async Task Exchanged_files_lose_no_request_and_leave_no_session()
    {
        FlowModel[] flows = [Flows.Random(features: 3, seed: 1), Flows.Random(features: 3, seed: 2)];
        await using RunningService service = await RunningService.Start(folder => flows[0].Save(folder.File("flow.rnvp")));
        string path = service.File("flow.rnvp");
        float[][] rows = Flows.Rows(flows[0], 2, seed: 3);
        var expected = new ConcurrentDictionary<string, float[]>();
        var models = new List<ServedModel>();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        int answered = 0;
        Task[] callers = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                JsonElement answer = await service.Post("models/flow/score", rows); // any failure fails the test
                float[] scores = Scores(answer);
                // one version gives one answer
                Assert.Equal(expected.GetOrAdd(answer.GetProperty("version").GetString()!, scores), scores);
                Interlocked.Increment(ref answered);
            }
        }))];
        for (int i = 1; i <= 20; i++)
        {
            ServedModel old = service.Host.Hold("flow")!;
            models.Add(old);
            old.Release();
            flows[i % 2].Save(path);
            for (int wait = 0; wait < 500 && service.Host.Hold("flow") is { } now; wait++)
            {
                now.Release();
                if (now != old)
                    break;
                await Task.Delay(5, _stop);
            }
        }
        await end.CancelAsync();
        await Task.WhenAll(callers);
        Assert.Equal(2, expected.Count);
        Assert.Equal(20, models.Distinct().Count());
        Assert.True(answered > 40, $"only {answered} requests");
        Assert.All(models, model => Assert.True(model.IsFreed));
        Assert.All(models, model => Assert.Throws<ObjectDisposedException>(() => model.Flow.Transform(Tables.Load(new(), rows))));
    }

    [Fact]
    public async Task A_damaged_file_changes_nothing_and_a_file_that_goes_takes_its_model_along()
    {
        FlowModel flow = Flows.Random(features: 3);
        await using RunningService service = await RunningService.Start(folder => flow.Save(folder.File("flow.rnvp")));
        string path = service.File("flow.rnvp"), version = (await service.Get("models/flow")).GetProperty("version").GetString()!;
        byte[] whole = await File.ReadAllBytesAsync(path, _stop);

        await File.WriteAllBytesAsync(path, whole[..^20], _stop);
        await Until(() => service.Host.Failure("flow") is not null);
        JsonElement model = await service.Get("models/flow");
        Assert.Equal(version, model.GetProperty("version").GetString());
        Assert.StartsWith("The model flow cannot be loaded: ", model.GetProperty("failure").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, Scores(await service.Post("models/flow/score", Flows.Rows(flow, 2, seed: 1))).Length);
        Assert.Contains(service.Lines.All, line => line.StartsWith("Warning: The model flow cannot be loaded", StringComparison.Ordinal)
            && line.EndsWith($"Version {version} is served on.", StringComparison.Ordinal));

        await File.WriteAllBytesAsync(path, whole, _stop); // the same version again is no new one
        await Until(() => service.Host.Failure("flow") is null);
        Assert.Single(service.Lines.All, line => line.Contains("The model flow is served", StringComparison.Ordinal));

        Flows.Random(features: 2).Save(service.File("second.rnvp"));
        await Until(() => service.Host.Names.Contains("second"));
        File.Delete(path);
        await Until(() => !service.Host.Names.Contains("flow"));
        Assert.Equal(404, (await service.TryPost("models/flow/score", "[]")).Status);
        Assert.True((await service.Get("v2/health/ready")).GetProperty("ready").GetBoolean());
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_tried_again_holds_up_no_other_and_callers_are_not_told_where_it_is()
    {
        var store = new HidingStore(Flows.Random(features: 2));
        await using var host = new ModelHost(store, new BatchingOptions(), TimeSpan.FromHours(1));
        await Assert.ThrowsAsync<TimeoutException>(() => host.Look(_stop)); // of the model "a"
        Assert.Equal("The model b cannot be loaded: its file cannot be read.", host.Failure("b"));
        Assert.Equal(["c"], host.Names);
        store.IsOpen = true; // by other rights: the stamp is the same
        await host.Look(_stop);
        Assert.Equal(["a", "b", "c"], host.Names);
        Assert.Null(host.Failure("b"));
    }

    /// <summary>Of three models it brings the last alone until it is opened.</summary>
    private sealed class HidingStore(FlowModel flow) : IFlowStore
    {
        public bool IsOpen { get; set; }

        public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellation) => new(["a", "b", "c"]);

        public ValueTask<string?> StampAsync(string name, CancellationToken cancellation)
            => IsOpen || name != "a" ? new("1") : throw new TimeoutException();

        public ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellation)
        {
            if (!IsOpen && name == "b")
                throw new UnauthorizedAccessException("Access to the path '/models/b.rnvp' is denied.");
            using var file = new MemoryStream();
            flow.Save(file);
            return new(file.ToArray());
        }
    }

    [Fact]
    public async Task Who_reads_drawn_rows_slowly_holds_up_nobody()
    {
        await using RunningService service = await RunningService.Start(folder => Flows.Random(features: 2).Save(folder.File("flow.rnvp")),
            options => (options.MaxDrawnRows, options.Batching) = (4_000_000, new BatchingOptions { Engines = 1 }));
        using var ask = new HttpRequestMessage(HttpMethod.Post, new Uri("models/flow/sample", UriKind.Relative))
        {
            Content = new StringContent("""{"count": 4000000}"""), // more than all buffers on the way hold
        };
        using HttpResponseMessage slow = await service.Client.SendAsync(ask, HttpCompletionOption.ResponseHeadersRead, _stop);
        JsonElement answer = await service.Post("models/flow/sample", """{"count": 3}""").WaitAsync(TimeSpan.FromSeconds(20), _stop);
        Assert.Equal(3, answer.GetProperty("rows").GetArrayLength());
    }

    [Fact]
    public async Task The_end_waits_for_a_request_that_is_there()
    {
        FlowModel flow = Flows.Random(features: 8, couplings: 8, hidden: 128);
        RunningService service = await RunningService.Start(folder => flow.Save(folder.File("flow.rnvp")));
        ServedModel model = service.Host.Hold("flow")!;
        model.Release();
        float[][] rows = Flows.Rows(flow, 4_000, seed: 1);
        // one: of several, some might still be on their way when the end begins, and find a closed door
        Task<JsonElement> request = service.Post("models/flow/score", rows);
        await Until(() => model.WaitingRows > 0 || request.IsCompleted);
        Task end = service.Application.StopAsync(_stop);
        Assert.Equal(4_000, Scores(await request).Length);
        await end;
        Assert.False(service.Host.IsReady);
        Assert.True(model.IsFreed);
        await Assert.ThrowsAsync<HttpRequestException>(() => service.Get("v2/health/live"));
        await service.DisposeAsync();
    }

    [Fact]
    public async Task A_busy_service_says_so()
    {
        FlowModel flow = Flows.Random(features: 8, couplings: 8, hidden: 128);
        await using RunningService service = await RunningService.Start(folder => flow.Save(folder.File("flow.rnvp")),
            options => options.Batching = new() { MaxWaitingRows = 10, MaxBatchRows = 64, Engines = 1 });
        string body = JsonSerializer.Serialize(Flows.Rows(flow, 2_000, seed: 1));
        (int Status, JsonElement Answer)[] answers = await Task.WhenAll(
            Enumerable.Range(0, 12).Select(_ => service.TryPost("models/flow/score", body)));
        Assert.Contains(answers, answer => answer.Status == (int)HttpStatusCode.OK);
        (int status, JsonElement answer) = answers.First(answer => answer.Status != 200);
        Assert.Equal(503, status);
        Assert.Contains("rows wait already, at most 10 may", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static float[] Scores(JsonElement answer)
        => [.. answer.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("Score").GetSingle())];

    private async Task Until(Func<bool> holds)
    {
        for (int i = 0; i < 2_000 && !holds(); i++)
            await Task.Delay(5, _stop);
        Assert.True(holds());
    }

    /// <summary>What the meter of a service says.</summary>
    private sealed class Measured : IDisposable
    {
        private readonly ConcurrentQueue<(string Name, double Value, Dictionary<string, string?> Tags)> _values = new();

        public Measured(RunningService service)
        {
            var factory = service.Application.Services.GetRequiredService<IMeterFactory>();
            Listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "RealNvp.ML" && instrument.Meter.Scope == factory)
                    listener.EnableMeasurementEvents(instrument);
            };
            Listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            Listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
            Listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            Listener.Start();
        }

        public MeterListener Listener { get; } = new();

        public (double Value, Dictionary<string, string?> Tags)[] Values(string name)
            => [.. _values.Where(value => value.Name == name).Select(value => (value.Value, value.Tags))];

        public void Dispose() => Listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
            => _values.Enqueue((instrument.Name, value, tags.ToArray().ToDictionary(tag => tag.Key, tag => (string?)tag.Value)));
    }
}
