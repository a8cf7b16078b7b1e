using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What a long run meets when nobody looks: batches that are not numbers, and learning rates that are far too high.</summary>
public sealed class FaultTests
{
    private const string BackToBest = "back to the best model so far, learning rate divided by 4";

    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _log = [];

    public FaultTests() => _ml.Log += (_, e) => _log.Add(e.RawMessage);

    [Fact]
    public void A_batch_that_is_not_a_number_is_told_and_the_run_ends_well_with_a_lower_rate()
    {
        // one pass of the stream has a few values that are finite, but not in units of the column's standard deviation; the tails'
        // compression would hold them
        (double Likelihood, int Rollbacks, double Rate) Fit(bool faulty)
        {
            double rate = double.NaN;
            var options = new RealNvpTrainer.Options
            {
                Memory = new() { ResidentLimit = 0, ShufflePool = 100 }, Steps = 300,
                Table = new() { Couplings = 4, HiddenUnits = 16, BatchNorm = true, TailBound = 0 }, BatchSize = 50,
                Optimizer = new() { Decay = LearningRateDecay.None, AveragedWeights = 0.9 }, Patience = 0,
                    Progress = new Receiver(progress => rate = progress.LearningRate),
            };
            IDataView rows = Stream(pass => faulty && pass == 5); // two passes before training, and two epochs
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
            float[] fresh = [.. model.Transform(Tables.Load(_ml, Rows(1000, 2))).GetColumn<float>("LogLikelihood")];
            Assert.All(fresh, value => Assert.True(float.IsFinite(value)));
            return (fresh.Average(), int.Parse(model.Model.Metadata.Training["rollbacks"]), rate);
        }
        (double calm, int none, double rate) = Fit(faulty: false);
        Assert.Equal((0, 3e-3), (none, rate));
        Assert.DoesNotContain(_log, message => message.Contains(BackToBest, StringComparison.Ordinal));
        (double stormy, int rollbacks, double lowered) = Fit(faulty: true);
        Assert.InRange(rollbacks, 1, 3);
        Assert.Equal(3e-3 * Math.Pow(0.25, rollbacks), lowered, 1e-9);
        Assert.Equal(rollbacks, _log.Count(message => message.Contains(BackToBest, StringComparison.Ordinal)));
        Assert.InRange(stormy, calm - 0.3, calm + 0.3);
    }

    [Theory, InlineData(20, false), InlineData(0, false), InlineData(20, true), InlineData(0, true)]
    public void A_loop_whose_batch_is_not_a_number_goes_back(int at, bool readsLate)
    {
        (Flow flow, TrainingOutcome outcome, List<string> warnings) = Run(new FaultyBatches(batch => batch == at), readsLate);
        using (flow)
        {
            Assert.Equal((1, 60L), (outcome.Rollbacks, outcome.Steps));
            Assert.Equal($"The loss was NaN (gradient norm NaN) at step {at + 1}: {BackToBest}.", Assert.Single(warnings));
            Assert.All(flow.state_dict().Values, value => Assert.True(value.isfinite().all().item<bool>()));
            Assert.True(double.IsFinite(outcome.TrainingLogLikelihood) && double.IsFinite(outcome.ValidationLogLikelihood));
        }
    }

    [Fact]
    public void Reading_losses_late_changes_no_weight()
    {
        Flow[] flows = [.. new[] { false, true }.Select(late => Run(new FaultyBatches(_ => false), late).Flow)];
        foreach ((TorchSharp.Modules.Parameter one, TorchSharp.Modules.Parameter other) in flows[0].parameters().Zip(flows[1].parameters()))
            Assert.Equal(0, (one - other).abs().max().item<float>());
        Array.ForEach(flows, flow => flow.Dispose());
    }

    [Fact]
    public void A_loop_whose_batches_are_never_numbers_gives_up()
    {
        string message = Assert.Throws<InvalidOperationException>(() => Run(new FaultyBatches(_ => true))).Message;
        Assert.Equal("Training failed: the loss was NaN at step 6 after 5 returns to the best model, the last with a learning rate of "
            + "2.93E-06. Look for extreme values in the data, or lower LearningRate.", message);
    }

    [Fact]
    public void A_loop_that_has_learned_something_before_its_batches_are_no_numbers_keeps_it()
    {
        (Flow flow, TrainingOutcome outcome, List<string> warnings) = Run(new FaultyBatches(batch => batch >= 50));
        using (flow)
        {
            Assert.Equal((true, 5), (outcome.StoppedEarly, outcome.Rollbacks));
            Assert.InRange(outcome.Kept, 1, 50);
            Assert.StartsWith("Training ends early, with the best model so far: the loss was NaN at step 56", warnings[^1]);
            Assert.All(flow.state_dict().Values, value => Assert.True(value.isfinite().all().item<bool>()));
            Assert.True(double.IsFinite(outcome.TrainingLogLikelihood) && double.IsFinite(outcome.ValidationLogLikelihood));
        }
    }

    /// <summary>A row of 1e30 in nearly every batch of the few that a table gives: the mean of each is the loss of that row.</summary>
    [Fact]
    public void A_row_that_every_batch_has_does_not_end_training()
    {
        var random = new Random(19);
        float[][] rows = [.. Enumerable.Range(0, 170).Select(_ => Array.ConvertAll(new float[4], _ => random.NextSingle()))];
        rows[0][1] = 1e30f;
        rows[1][2] = 1e6f;
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp().Fit(Tables.Load(_ml, rows));
        Assert.DoesNotContain(_log, message => message.Contains(BackToBest, StringComparison.Ordinal));
        Assert.All(model.Transform(Tables.Load(_ml, rows)).GetColumn<float>("Score"), score => Assert.True(float.IsFinite(score)));
    }

    [Theory, InlineData(10, 0.1, true), InlineData(10, 0, true), InlineData(1e6, 0.1, null), InlineData(1e30, 0, null)]
    public void A_table_survives_any_learning_rate_or_training_gives_up(double learningRate, double validation, bool? survives)
    {
        // benign tumours, thirty correlated columns
        TextLoader loader = _ml.Data.CreateTextLoader(
            [new TextLoader.Column("Features", DataKind.Single, 0, 29), new TextLoader.Column("Class", DataKind.Single, 30)], ',',
                hasHeader: true);
        IDataView rows = _ml.Data.FilterRowsByColumn(loader.Load(Path.Combine(Repository.Root, "samples", "data", "breast_cancer.csv")),
            "Class", lowerBound: 0.5);
        RealNvpTrainer.Options Options(double rate, long steps)
            => new() { LearningRate = rate, Steps = steps, ValidationFraction = validation,
            Table = new() { Couplings = 4, HiddenUnits = 32 } };
        bool ended = EndsWell(Options(learningRate, 300), Options(1e-30, 1), rows);
        Assert.Equal(survives ?? ended, ended);
        if (survives == true)
            Assert.InRange(_log.Count(message => message.Contains(BackToBest, StringComparison.Ordinal)), 1, 5);
    }

    [Theory, InlineData(10), InlineData(1e30)]
    public void Images_survive_any_learning_rate_or_training_gives_up(double learningRate)
    {
        var random = new Random(1);
        float[][] patterns = [.. Enumerable.Range(0, 4)
            .Select(_ => Enumerable.Range(0, 16).Select(_ => (float)random.Next(1, 16)).ToArray())];
        IDataView rows = Tables.Load(_ml,
            Enumerable.Range(0, 200).Select(i => Array.ConvertAll(patterns[i % 4], level => level + random.Next(-1, 2))));
        RealNvpTrainer.Options Options(double rate, long steps)
        {
            RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(new ImageFlowOptions { Shape = FlowShape.Image(1, 4, 4),
                Levels = 17, BaseWidth = 4, Blocks = 1 });
            (options.LearningRate, options.Steps, options.BatchSize, options.Threads) = (rate, steps, 32, 1);
            return options;
        }
        EndsWell(Options(learningRate, 150), Options(1e-30, 1), rows);
    }

    /// <summary>
    /// Whether a fit gives a flow, which must then be finite and better than one that learned nothing, or fails, which it then must say.
    /// </summary>
    private bool EndsWell(RealNvpTrainer.Options options, RealNvpTrainer.Options untrained, IDataView rows)
    {
        float[] Likelihoods(RealNvpTrainer.Options options)
        {
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
            return [.. model.Transform(rows).GetColumn<float>("LogLikelihood")];
        }
        float[] found;
        try
        {
            found = Likelihoods(options);
        }
        catch (Exception e) when (e is InvalidOperationException or FlowParityException)
        {
            Assert.Matches(e is FlowParityException ? "float32.* lower LearningRate"
                : "^Training failed: the loss was.* lower LearningRate", e.Message);
            return false;
        }
        Assert.All(found, value => Assert.True(float.IsFinite(value)));
        double baseline = Likelihoods(untrained).Average();
        Assert.True(found.Average() > baseline, $"{found.Average()} nats, {baseline} without training");
        return true;
    }

    private static (Flow Flow, TrainingOutcome Outcome, List<string> Warnings) Run(FaultyBatches batches, bool readsLate = false)
    {
        var options = new RealNvpTrainer.Options { Steps = 60, Table = new() { Couplings = 2, HiddenUnits = 8, BatchNorm = true },
            BatchSize = FaultyBatches.Rows, Noise = 0, Optimizer = new() { AveragedWeights = 0.9, Decay = LearningRateDecay.None },
            Patience = 0, LearningRate = 3e-3 };
        using var random = new DeviceRandom(1, CPU);
        using DeviceRows rows = new WeightedRows([.. Rows(100, 1).SelectMany(row => row)], [.. Enumerable.Repeat(1f, 100)], 2)
            .To(CPU, weighted: false);
        ColumnFacts facts = new([0, 0], [1, 1], [0, 0], [0, 0]);
        FlowDesign design = options.Design(FlowShape.Vector(2));
        Flow flow = design.Build(facts, dropout: 0.1, seed: 1, random);
        var warnings = new List<string>();
        using var loop = new TrainingLoop(design, options.Plan(design, 100, 100), facts, flow, random, batches,
            new EvaluationRows(rows, rows, rows), readsLate: readsLate)
        {
            Warn = warnings.Add,
        };
        return (flow, loop.Run(CancellationToken.None), warnings);
    }

    /// <summary>Two columns of a small spread.</summary>
    private static IEnumerable<float[]> Rows(int count, int seed)
    {
        var random = new Random(seed);
        return Enumerable.Range(0, count).Select(_ => new[] { 0.01f * (float)Tables.Normal(random), 0.01f * (float)Tables.Normal(random) });
    }

    /// <summary>The same rows in every pass, except for one value that is out of all bounds where a pass is faulty.</summary>
    private IDataView Stream(Func<int, bool> isFaulty)
    {
        int passes = 0;
        IEnumerable<Row> Pass()
        {
            bool faulty = isFaulty(++passes);
            foreach ((int i, float[] row) in Rows(1000, 1).Index())
                yield return new Row { Features = faulty && i == 500 ? [3e38f, row[1]] : row };
        }
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        return _ml.Data.LoadFromEnumerable(Pass(), schema);
    }

    /// <summary>Batches of normal values, some of which hold a NaN.</summary>
    private sealed class FaultyBatches(Func<long, bool> isFaulty) : IBatchSource
    {
        public const int Rows = 16;

        private readonly Random _random = new(1);
        private long _batch;

        public int BatchSize => Rows;

        public double Epochs(long batches) => 0;

        public Tensor Next()
        {
            float[] values = [.. Enumerable.Range(0, 2 * Rows).Select(_ => (float)Tables.Normal(_random))];
            if (isFaulty(_batch++))
                values[7] = float.NaN;
            return tensor(values, [Rows, 2]);
        }

        public void Save(Checkpoint checkpoint) { }

        public void Restore(Checkpoint checkpoint) { }

        public void Dispose() { }
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
