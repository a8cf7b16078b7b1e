using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Orleans;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Tests.Service;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Orleans;

/// <summary>Models in a cluster of two silos: results, batches, errors, exchanged files, and models that nobody asks for.</summary>
[Trait("Area", "Cluster")]
public sealed class FlowGrainTests(FlowCluster cluster) : IClassFixture<FlowCluster>
{
    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_score_as_in_one_process_whatever_silo_answers()
    {
        float[][] rows = Flows.Rows(cluster.Flow, 500, seed: 2);
        rows[3][1] = float.NaN;
        (float[] scores, float[] pValues, bool[] flags, float[] latents) = Expected(rows);
        HashSet<string> silos = [];
        foreach (IFlowGrain grain in cluster.OfEachSilo("plain"))
        {
            FlowTable scored = await grain.Score(FlowTable.Of(rows), cancellation: _stop);
            Assert.Equal(500, scored.Rows);
            Assert.Equal(["LogLikelihood", "PValue", "PredictedLabel", "Score"], scored.Columns.Order(StringComparer.Ordinal));
            AssertScores(scores, scored.Numbers("Score"));
            Assert.Equal(pValues, scored.Numbers("PValue"));
            Assert.Equal(flags, scored.Flags("PredictedLabel"));
            FlowDescription description = await grain.Describe();
            Assert.Equal(description.Version, scored.Version);
            silos.Add(description.Silo);
        }
        Assert.Equal(2, silos.Count);
        FlowTable asked = await cluster.Grain("plain").Score(FlowTable.Of(rows), ["Latent", "Score"], _stop);
        Assert.Equal(2, asked.Columns.Count);
        AssertScores(latents, [.. asked.Vectors("Latent").SelectMany(row => row)]);
    }

    [Fact]
    public async Task Columns_of_a_pipeline_are_texts_and_numbers()
    {
        ServedFlows.Machine[] rows = ServedFlows.Machine.Rows(40, seed: 5);
        FlowTable table = new FlowTable(40).With("Kind", [.. rows.Select(row => row.Kind)])
            .With("Pressure", [.. rows.Select(row => row.Pressure)]).With("Age", [.. rows.Select(row => (float)row.Age)]);
        IFlowGrain grain = cluster.Grain("categories");
        FlowTable scored = await grain.Score(table, cancellation: _stop);
        string path = cluster.File("categories.zip");
        AssertScores(ServedFlows.Column<float>(path, rows, "Score"), scored.Numbers("Score"));
        Assert.Equal(ServedFlows.Column<bool>(path, rows, "PredictedLabel"), scored.Flags("PredictedLabel"));
        FlowDescription description = await grain.Describe();
        Assert.Equal(["Age Number", "Kind Text", "Pressure Single"],
            description.Reads.Select(column => $"{column.Name} {column.Kind}").Order(StringComparer.Ordinal));
        Assert.Contains(description.Gives, column => column.Name == "Score");
        Assert.Equal(1, (await grain.Score(new FlowTable(1).With("Kind", ["fan"]).With("Pressure", [1.0]).With("Age", [7.0]),
            cancellation: _stop)).Rows);
    }

    [Fact]
    public async Task Drawn_rows_are_those_of_the_library()
    {
        var ml = new MLContext();
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(cluster.Flow).Fit(Tables.Load(ml, Flows.Rows(cluster.Flow, 2, seed: 1)));
        float[][] expected = [.. flow.Sample(20, 7, 0.8f).GetColumn<float[]>("Features")];
        FlowTable drawn = await cluster.Grain("plain").Sample(20, 7, 0.8f, cancellation: _stop);
        Assert.Equal(expected, drawn.Vectors("Features"));
        ITransformer model = ml.Model.Load(cluster.File("condition.zip"), out _);
        using var owned = (IDisposable)model;
        int size = model.FindRealNvp().Model.Condition!.Size;
        float[][] conditions = [new float[size], [.. Enumerable.Repeat(1f, size)]];
        FlowTable given = await cluster.Grain("condition").Sample(5, 1, conditions: conditions, cancellation: _stop);
        Assert.Equal(10, given.Rows);
        Assert.NotEqual(given.Vectors("Features")[0], given.Vectors("Features")[5]);
    }

    [Fact]
    public async Task Calls_of_many_are_computed_in_fewer_batches()
    {
        cluster.Flow.Save(cluster.File("busy.rnvp"));
        ConcurrentQueue<int> batches = new();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "realnvp.batch.rows")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<int>((_, value, tags, _) =>
        {
            if (tags.Contains(new KeyValuePair<string, object?>("model", "busy")))
                batches.Enqueue(value);
        });
        listener.Start();
        float[][] rows = Flows.Rows(cluster.Flow, 1_000, seed: 4);
        float[] expected = Expected(rows).Scores;
        IFlowGrain grain = cluster.Grain("busy");
        await Task.WhenAll(Enumerable.Range(0, 500).Select(async i =>
        {
            FlowTable scored = await grain.Score(FlowTable.Of(rows[(2 * i)..(2 * i + 2)]), ["Score"], _stop);
            AssertScores(expected[(2 * i)..(2 * i + 2)], scored.Numbers("Score"));
        }));
        Assert.Equal(1_000, batches.Sum());
        Assert.InRange(batches.Count, 1, 250);
    }

    [Fact]
    public async Task What_is_wrong_is_said()
    {
        float[][] rows = Flows.Rows(cluster.Flow, 3, seed: 1);
        IFlowGrain grain = cluster.Grain("plain");
        async Task Fails<TException>(Func<Task> call, string message) where TException : Exception
            => Assert.Contains(message, (await Assert.ThrowsAsync<TException>(call)).Message, StringComparison.Ordinal);

        await Fails<KeyNotFoundException>(() => cluster.Grain("none").Describe(), "There is no model 'none' in the store.");
        await Fails<KeyNotFoundException>(() => cluster.Grain("../plain").Describe(), "There is no model '../plain'");
        await Fails<InvalidDataException>(() => cluster.Grain("broken").Score(FlowTable.Of(rows)), "The model broken cannot be loaded: ");
        await Fails<ArgumentException>(() => grain.Score(FlowTable.Of(rows, "Rows")),
            "There is no column 'Features', which the model reads. It reads: Features (Single, 4 a row).");
        await Fails<ArgumentException>(() => grain.Score(FlowTable.Of([[1, 2]])),
            "The column 'Features' has 2 values, expected 4 for each of the 1 rows.");
        await Fails<ArgumentException>(() => grain.Score(new FlowTable(1).With("Features", ["a", "b", "c", "d"])),
            "The column 'Features' is String[], expected Single.");
        await Fails<ArgumentException>(() => grain.Score(FlowTable.Of(rows), ["Scores"]), "The model has no output 'Scores'. It has: ");
        await Fails<ArgumentException>(() => grain.Score(new FlowTable(2_001).With("Features", new float[4 * 2_001])), "at most 2000");
        await Fails<ArgumentException>(() => grain.Sample(101), "101 rows are asked for: from 0 to 100 are drawn at once.");
        await Fails<ArgumentException>(() => grain.Sample(1, temperature: float.NaN), "The temperature is NaN");
        await Fails<ArgumentException>(() => grain.Sample(1, conditions: [[1]]), "The flow has no condition");
        await Fails<ArgumentException>(() => cluster.Grain("condition").Sample(1, conditions: [[]]), "A condition has 0 values, expected");
        await Fails<ArgumentException>(() => cluster.Grain("condition").Sample(1, conditions: [null!]),
            "A condition has 0 values, expected");
        await Fails<ArgumentException>(() => cluster.Grain("categories").Score(
            new FlowTable(1).With("Kind", ["fan"]).With("Pressure", [1f]).With("Age", [float.NaN])),
            "'Age' of row 0 is missing, expected a whole number");
        Assert.Throws<ArgumentException>(() => FlowTable.Of([[1, 2], [1]]));
        Assert.Throws<ArgumentException>(() => new FlowTable(2).With("A", [1f, 2, 3]));
        Assert.Throws<ArgumentException>(() => FlowTable.Of(rows).Numbers("Score"));
        Assert.Throws<ArgumentException>(() => FlowTable.Of(rows).Flags("Features"));
        // a name that comes later is found
        cluster.Flow.Save(cluster.File("none.rnvp"));
        Assert.Equal("none", (await cluster.Grain("none").Describe()).Name);
    }

    [Fact]
    public async Task A_new_version_takes_the_place_of_the_old_without_a_failed_call()
    {
        FlowModel[] flows = [Flows.Random(features: 3, seed: 1), Flows.Random(features: 3, seed: 2)];
        string path = cluster.File("exchanged.rnvp");
        flows[0].Save(path);
        IFlowGrain grain = cluster.Grain("exchanged");
        FlowTable rows = FlowTable.Of(Flows.Rows(flows[0], 2, seed: 3));
        var expected = new ConcurrentDictionary<string, float[]>();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        int answered = 0;
        Task[] callers = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                FlowTable scored = await grain.Score(rows); // any failure fails the test
                Assert.Equal(expected.GetOrAdd(scored.Version, scored.Numbers("Score")), scored.Numbers("Score"));
                Interlocked.Increment(ref answered);
            }
        }))];
        List<ServedModel> old = [];
        for (int i = 1; i <= 6; i++)
        {
            await Until(() => expected.Count >= Math.Min(i, 2) && cluster.Hosts.Any(host => host.Names.Contains("exchanged")));
            foreach (ServedModel model in cluster.Hosts.Select(host => host.Hold("exchanged")).OfType<ServedModel>())
            {
                old.Add(model);
                model.Release();
            }
            flows[i % 2].Save(path);
            await Until(() => old.All(model => model.IsFreed));
        }
        await end.CancelAsync();
        await Task.WhenAll(callers);
        Assert.Equal(2, expected.Count);
        Assert.True(answered > 20, $"only {answered} calls");
        Assert.InRange(old.Distinct().Count(), 6, 12);
    }

    [Fact]
    public async Task A_model_that_nobody_asks_for_is_let_go_and_comes_back()
    {
        cluster.Flow.Save(cluster.File("idle.rnvp"));
        IFlowGrain grain = cluster.Grain("idle");
        string version = (await grain.Describe()).Version;
        ServedModel[] loaded = [.. cluster.Hosts.Select(host => host.Hold("idle")).OfType<ServedModel>()];
        Assert.NotEmpty(loaded);
        foreach (ServedModel model in loaded)
            model.Release();
        Assert.All(loaded, model => Assert.False(model.IsFreed));
        await Until(() => loaded.All(model => model.IsFreed));
        Assert.All(cluster.Hosts, host => Assert.DoesNotContain("idle", host.Names));
        Assert.Equal(version, (await grain.Describe()).Version);
    }

    private (float[] Scores, float[] PValues, bool[] Flags, float[] Latents) Expected(float[][] rows)
    {
        var ml = new MLContext();
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(cluster.Flow).Fit(Tables.Load(ml, rows));
        IDataView scored = flow.Transform(Tables.Load(ml, rows));
        return ([.. scored.GetColumn<float>("Score")], [.. scored.GetColumn<float>("PValue")],
            [.. scored.GetColumn<bool>("PredictedLabel")], [.. scored.GetColumn<float[]>("Latent").SelectMany(row => row)]);
    }

    private static void AssertScores(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        foreach ((float one, float other) in expected.Zip(actual))
            Assert.True(one.Equals(other) || Math.Abs(one - other) <= 1e-4 * Math.Max(4, Math.Abs(one)), $"{other}, expected {one}");
    }

    private async Task Until(Func<bool> holds)
    {
        for (int i = 0; i < 2_000 && !holds(); i++)
            await Task.Delay(5, _stop);
        Assert.True(holds());
    }
}
