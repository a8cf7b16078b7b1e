using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Flows out of checkpoints, beside what training gives.</summary>
public sealed class CheckpointFlowTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory, InlineData("mixture"), InlineData("image"), InlineData("maps"), InlineData("condition"), InlineData("many")]
    public void The_flow_of_a_finished_run_is_that_of_Fit(string kind)
    {
        using var folder = new TemporaryFolder();
        FlowModel expected = kind switch
        {
            "mixture" => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => TrainingProcess.Shorten(options, 20, 10)),
            _ => Fit(kind, folder.Root),
        };
        FlowModel found = FlowModel.FromCheckpoint(folder.Root);
        Assert.Equal(Content(expected), Content(found));
        Assert.Equal(expected.Metadata.Training.Remove("seconds"), found.Metadata.Training);
        Assert.Equal(expected.Metadata.FeatureNames, found.Metadata.FeatureNames);
        Assert.Equal(expected.Calibration.Threshold, found.Calibration.Threshold);
        Assert.Equal(kind == "maps", found.ScoreMapCalibration is not null);
        Assert.Equal(expected.Condition?.Names, found.Condition?.Names);
        // and by itself it is a model to score with
        using RealNvpTransformer flow = _ml.Transforms.ApplyRealNvp(found).Fit(Rows(found, 3));
        Assert.All(flow.Transform(Rows(found, 3)).GetColumn<float>("LogLikelihood"), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void The_flow_of_a_run_that_goes_on_is_its_best_so_far_with_averaged_weights()
    {
        using var folder = new TemporaryFolder();
        float[][] held = [.. Tables.Gaussian(200, 5, seed: 7)];
        using var source = new CancellationTokenSource();
        var losses = new Dictionary<long, double>();
        Assert.Throws<OperationCanceledException>(() => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            TrainingProcess.Shorten(options, 400, 10);
            (options.Members, options.ExampleWeightColumnName, options.CancellationToken) = (1, null, source.Token);
            options.Validation = Tables.Load(_ml, held);
            options.Progress = new Receiver(progress =>
            {
                losses.Add(progress.Step, progress.ValidationNll);
                if (progress.Step == 40)
                    source.Cancel();
            });
        }));
        Assert.Equal([20, 40], losses.Keys);
        File.Delete(Directory.GetFiles(folder.Root, "*40.rnvpckpt").Single()); // as if it stood at 30, between two evaluations
        FlowModel best = FlowModel.FromCheckpoint(folder.Root), latest = FlowModel.FromCheckpoint(folder.Root, latest: true);
        Assert.Equal("30", best.Metadata.Training["steps"]);
        Assert.Equal(losses[20], -double.Parse(best.Metadata.Training["validation_log_likelihood"], CultureInfo.InvariantCulture));
        // weights, averages and statistics are those that were validated
        Assert.Equal(losses[20], Nll(best), 1e-4);
        Assert.NotEqual(TrainingProcess.Hash(best), TrainingProcess.Hash(latest));
        Assert.Equal(losses[20], Nll(latest), 1.0); // its batch norms have the running statistics of training

        double Nll(FlowModel model)
        {
            using RealNvpTransformer flow = _ml.Transforms.ApplyRealNvp(model).Fit(Tables.Load(_ml, held));
            return -flow.LogLikelihoods(held).Average();
        }
    }

    [Fact]
    public void The_latest_weights_are_those_that_training_ends_with_where_none_are_chosen()
    {
        using var folder = new TemporaryFolder();
        FlowModel expected = TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            TrainingProcess.Shorten(options, 20, 10);
            (options.Members, options.ValidationFraction, options.Table) = (1, 0, options.Table with { BatchNorm = false });
        });
        Assert.Equal(TrainingProcess.Hash(expected), TrainingProcess.Hash(FlowModel.FromCheckpoint(folder.Root, latest: true)));
        // before the first evaluation there is no other
        string file = Directory.GetFiles(folder.Root).Order().Last();
        CheckpointBytes.Change(file, "outcome", _ => null);
        CheckpointBytes.Change(file, "best.1", value => [.. value.Reverse()]);
        Assert.NotEqual(TrainingProcess.Hash(expected), TrainingProcess.Hash(FlowModel.FromCheckpoint(folder.Root)));
        CheckpointBytes.Change(file, "loop", value => [.. BitConverter.GetBytes(double.PositiveInfinity), .. value[8..]]);
        Assert.Equal(TrainingProcess.Hash(expected), TrainingProcess.Hash(FlowModel.FromCheckpoint(folder.Root)));
    }

    [Fact]
    public async Task Checkpoints_are_read_while_a_run_replaces_them()
    {
        using var folder = new TemporaryFolder();
        using var ended = new CancellationTokenSource();
        var steps = new List<int>();
        int within = 0;
        Task reads = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested)
            {
                Thread.Sleep(1);
                if (!Directory.EnumerateFiles(folder.Root, "*.rnvpckpt").Any())
                    continue;
                (string file, _) = Assert.Single(CheckpointFolder.Newest(folder.Root));
                steps.Add(int.Parse(Path.GetFileNameWithoutExtension(file).Split('-')[^1], CultureInfo.InvariantCulture));
            }
        }, TestContext.Current.CancellationToken);
        try
        {
            TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
            {
                TrainingProcess.Shorten(options, 80, 1);
                options.Members = 1;
                options.Progress = new Receiver(progress =>
                {
                    if (within == 0 && progress.Step > 20)
                        within = FlowModel.FromCheckpoint(folder.Root).Members.Length; // of the run that holds the lock
                });
            });
        }
        finally
        {
            await ended.CancelAsync();
        }
        await reads;
        Assert.Equal(1, within);
        Assert.True(steps.Distinct().Count() > 10, $"{steps.Distinct().Count()} checkpoints were seen.");
        Assert.Equal(steps.Order(), steps);
    }

    [Fact]
    public void Of_a_mixture_it_has_the_members_that_are_there()
    {
        using var folder = new TemporaryFolder();
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => TrainingProcess.Shorten(options, 20, 10));
        FlowModel both = FlowModel.FromCheckpoint(folder.Root);
        foreach (string file in Directory.GetFiles(folder.Root, "member-1-*"))
            File.Delete(file);
        FlowModel second = FlowModel.FromCheckpoint(folder.Root);
        Assert.Equal((2, 1), (both.Members.Length, second.Members.Length));
        Assert.Equal(Content(new FlowModel(both.InputShape, both.Members[1])), Content(new FlowModel(second.InputShape, second.Steps)));
    }

    [Fact]
    public void What_is_missing_or_damaged_is_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("no folder", Assert.Throws<DirectoryNotFoundException>(()
            => FlowModel.FromCheckpoint(Path.Combine(folder.Root, "nowhere"))).Message, StringComparison.Ordinal);
        Assert.Contains("has no checkpoint (*.rnvpckpt)", Assert.Throws<FileNotFoundException>(()
            => FlowModel.FromCheckpoint(folder.Root)).Message, StringComparison.Ordinal);
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            TrainingProcess.Shorten(options, 20, 10);
            options.Members = 1;
        });
        string[] files = [.. Directory.GetFiles(folder.Root).Order()];
        foreach ((string entry, Func<byte[], byte[]?> change, string reason) in new (string, Func<byte[], byte[]?>, string)[]
        {
            ("recipe", _ => null, "of a version that did not keep there what a flow is made of"),
            ("recipe", _ => "{}"u8.ToArray(), "'recipe' is not what this version writes"),
            ("recipe.mean", bytes => bytes[4..], "'recipe.mean: length' is 4"),
            ("end.3", bytes => bytes[4..], "'end.3' has "),
        })
        {
            byte[] whole = File.ReadAllBytes(files[1]);
            CheckpointBytes.Change(files[1], entry, change);
            string message = Assert.Throws<InvalidDataException>(() => FlowModel.FromCheckpoint(folder.Root)).Message;
            Assert.Contains(files[1], message, StringComparison.Ordinal);
            Assert.Contains(reason, message, StringComparison.Ordinal);
            File.WriteAllBytes(files[1], whole);
        }
        // a damaged file is passed over as long as there is another
        File.WriteAllBytes(files[1], File.ReadAllBytes(files[1])[..^1]);
        Assert.Equal("10", FlowModel.FromCheckpoint(folder.Root).Metadata.Training["steps"]);
        File.WriteAllBytes(files[0], []);
        string both = Assert.Throws<InvalidDataException>(() => FlowModel.FromCheckpoint(folder.Root)).Message;
        Assert.All(files, file => Assert.Contains(file, both, StringComparison.Ordinal));
    }

    private FlowModel Fit(string kind, string folder)
    {
        RealNvpTrainer.Options options = kind switch
        {
            "image" => RealNvpTrainer.Options.ForImages(new() { Scales = 2, BaseWidth = 4, Blocks = 1, Levels = 16 }),
            "maps" => RealNvpTrainer.Options.ForMaps(new() { Couplings = 2, HiddenUnits = 8 }),
            "condition" => new()
            {
                ConditionColumnName = "Given", ConditionDropout = 0.2, Table = new() { Couplings = 2, HiddenUnits = 8 },
            },
            _ => new() { Table = new() { HiddenUnits = 8 } },
        };
        (options.Steps, options.Seed, options.Threads, options.Contamination) = (4, 1, 1, 0.3);
        options.Checkpoints = new(folder);
        int[] shape = kind switch { "image" => [1, 8, 8], "maps" => [3, 4, 4], "condition" => [5], _ => [130] };
        IEnumerable<float[]> values = Tables.Gaussian(kind == "many" ? 300 : 60, shape.Aggregate((a, b) => a * b), seed: 1);
        IDataView rows = Load(shape, kind == "image"
            ? values.Select(row => Array.ConvertAll(row, value => MathF.Floor(MathF.Abs(3 * value)) % 16)) : values);
        using RealNvpTransformer flow = (kind == "condition"
            ? _ml.Transforms.Concatenate("Given", "First", "Last").Append(_ml.AnomalyDetection.Trainers.RealNvp(options)).Fit(rows)
                .LastTransformer
            : _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows));
        return flow.Model;
    }

    private IDataView Rows(FlowModel model, int count)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, model.InputShape.Dimensions);
        if (model.Condition is { } condition)
            schema["Condition"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, condition.Size);
        else
            schema.Remove(schema["Condition"]);
        return _ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i => new Row
        {
            Features = [.. Enumerable.Range(0, model.InputShape.Size).Select(j => (float)((i + j) % 3))],
            Condition = new float[model.Condition?.Size ?? 0],
        }), schema);
    }

    private IDataView Load(int[] shape, IEnumerable<float[]> rows)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, shape);
        schema.Remove(schema["Condition"]);
        return _ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row, First = row[0], Last = row[^1] }), schema);
    }

    /// <summary>All of a model but what says how long its training took.</summary>
    private static byte[] Content(FlowModel model)
    {
        using var stream = new MemoryStream();
        new FlowModel(model.InputShape, [.. model.Members.Select(steps => steps.AsEnumerable())], model.Calibration,
            new() { FeatureNames = model.Metadata.FeatureNames, FeatureMedians = model.Metadata.FeatureMedians }, model.Probes,
            model.Condition).WithScoreMapCalibration(model.ScoreMapCalibration).Save(stream);
        return stream.ToArray();
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        public float[] Condition { get; set; } = [];

        public float First { get; set; }

        public float Last { get; set; }
    }
}
