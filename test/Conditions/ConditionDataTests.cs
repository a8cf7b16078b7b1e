using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using TorchSharp;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>How conditions are read in training, and what is said of those that are wrong.</summary>
public sealed class ConditionDataTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _log = [];

    public ConditionDataTests() => _ml.Log += (_, e) => _log.Add(e.RawMessage);

    [Theory, InlineData(false), InlineData(true)]
    public void A_run_with_conditions_goes_on_from_its_checkpoint_and_not_over_other_conditions(bool streamed)
    {
        using var folder = new TemporaryFolder();
        FlowModel Train(string? checkpoints, ConditionalRow[] rows, long steps)
        {
            using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 60, options =>
            {
                options.Memory = new() { ResidentLimit = streamed ? 0 : 1 << 20, ShufflePool = 100 };
                options.ConditionDropout = 0.2;
                if (checkpoints is null)
                    return;
                options.Checkpoints = new(checkpoints) { Interval = 20, Resume = true };
                options.Progress = new Stop(steps, options);
                options.OnCancellation = OnCancellation.ReturnBest;
            });
            return flow.Model;
        }
        ConditionalRow[] rows = ConditionPipelineTests.Trained.Rows(400, 1);
        rows[7].Condition = [float.NaN, 1];
        string expected = TrainingProcess.Hash(Train(null, rows, 60));
        Train(folder.Root, rows, 30);
        Assert.Equal(expected, TrainingProcess.Hash(Train(folder.Root, rows, 60)));
        ConditionalRow[] others = [.. rows.Select(row => new ConditionalRow { Features = row.Features,
            Condition = [row.Condition[0], row.Condition[1] + 1] })];
        var error = Assert.Throws<InvalidOperationException>(() => Train(folder.Root, others, 60));
        Assert.Contains("The checkpoint is of another run", error.Message);
    }

    [Fact]
    public void Wrong_condition_columns_are_refused_with_what_was_found()
    {
        ConditionalRow[] rows = ConditionPipelineTests.Trained.Rows(50, 1);
        IDataView data = Conditional.Load(_ml, rows);
        string Refused(string condition, IDataView input) => Assert.ThrowsAny<ArgumentException>(() => _ml.AnomalyDetection.Trainers
            .RealNvp(conditionColumnName: condition).Fit(input)).Message;
        Assert.Contains("Column 'Hour' is missing; there are Features, Condition", Refused("Hour", data));
        Assert.Contains("is String, not of Single (Categorical.OneHotEncoding makes numbers",
            Refused("Text", Wrong()));
        Assert.Contains("is Single, no vector (Concatenate makes one)", Refused("Scalar", Wrong()));
        Assert.Contains("Categorical.OneHotEncoding does", Refused("Key", _ml.Transforms.Conversion.MapValueToKey("Key", "Text")
            .Fit(Wrong()).Transform(Wrong())));

        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 5);
        IDataView shorter = Conditional.Load(_ml, rows.Select(row => new ConditionalRow { Features = row.Features, Condition = [1] }));
        Assert.Contains("Column 'Condition' is Vector<Single, 1>, of 1 values. Expected: Vector<Single, 2>",
            Assert.ThrowsAny<ArgumentException>(() => flow.Transform(shorter)).Message);
        Assert.Contains("'Condition' is missing", Assert.ThrowsAny<ArgumentException>(
            () => flow.Transform(Tables.Load(_ml, rows.Select(row => row.Features)))).Message);
        Assert.Contains("Expected: Vector<Single, 2>", Assert.ThrowsAny<ArgumentException>(() => Conditional.Fit(_ml, rows, 5, options
            => options.Validation = shorter)).Message);
        Assert.Contains("the flow has no condition", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Transforms.ApplyRealNvp(Flows.Random(2), conditionColumnName: "Condition")).Message);
        Assert.Contains("0 without a ConditionColumnName", Assert.ThrowsAny<ArgumentException>(() => Conditional.Fit(_ml, rows, 5, options
            => (options.ConditionDropout, options.ConditionColumnName) = (0.1, null))).Message);
        Assert.ThrowsAny<ArgumentException>(() => Conditional.Fit(_ml, rows, 5, options => options.ConditionDropout = 1));
        Assert.ThrowsAny<ArgumentException>(() => Conditional.Fit(_ml, rows, 5, options => options.ConditionColumnName = " "));
        Assert.Contains("features and condition at once", Assert.ThrowsAny<ArgumentException>(
            () => Conditional.Fit(_ml, rows, 5, options => options.ConditionColumnName = "Features")).Message);
    }

    [Fact]
    public void A_condition_that_does_not_vary_is_named_in_a_warning()
    {
        ConditionalRow[] rows = [.. ConditionPipelineTests.Trained.Rows(100, 1).Select(row => new ConditionalRow { Features = row.Features,
            Condition = [3, row.Condition[0]] })];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 20);
        Assert.Contains(_log, message => message.Contains("the same in all training rows, and tell nothing: value 0 of the condition "
            + "'Condition'. No other value of theirs moves anything", StringComparison.Ordinal));
        float[] before = Conditional.LogLikelihoods(_ml, flow, rows);
        Assert.All(before, value => Assert.True(float.IsFinite(value)));
        foreach (float other in new[] { 4, -1e6f, 1e37f, float.MinValue })
        {
            ConditionalRow[] moved = [.. rows.Select(row => new ConditionalRow { Features = row.Features,
                Condition = [other, row.Condition[1]] })];
            Assert.Equal(before, Conditional.LogLikelihoods(_ml, flow, moved));
        }
    }

    /// <summary>Never missing, always missing, and missing at times, which alone says something.</summary>
    [Fact]
    public void Of_a_condition_that_does_not_vary_only_what_varied_is_read()
    {
        ConditionalRow[] rows = [.. ConditionPipelineTests.Trained.Rows(200, 1).Select((row, i) => new ConditionalRow
        {
            Features = row.Features,
            Condition = [3, float.NaN, i % 2 == 0 ? 7 : float.NaN, row.Condition[0]],
        })];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 100, options => options.ConditionDropout = 0.2);
        float[] Moved(int value, float other) => Conditional.LogLikelihoods(_ml, flow, rows.Select(row => new ConditionalRow
        {
            Features = row.Features,
            Condition = [.. row.Condition.Select((was, j) => j == value ? other : was)],
        }));
        float[] before = Conditional.LogLikelihoods(_ml, flow, rows);
        foreach (float other in new[] { 3, 1e37f, float.NaN })
        {
            Assert.Equal(before, Moved(0, other));
            Assert.Equal(before, Moved(1, other));
        }
        Assert.Equal(Moved(2, 7), Moved(2, -1e30f));
        Assert.NotEqual(Moved(2, 7), Moved(2, float.NaN));
    }

    /// <summary>An hour in seconds since 1970: float32 tells 128 s apart there, and the deviation is less than 1E-6 of the mean.</summary>
    [Fact]
    public void A_condition_that_varies_little_beside_its_size_is_read()
    {
        var random = new Random(1);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 1000).Select(_ =>
        {
            double at = random.NextDouble() * 2 - 1;
            float seconds = (float)(1.7e9 + 2000 * at);
            return new ConditionalRow
            {
                Features = [(float)((seconds - 1.7e9) / 1000 + 0.1 * Tables.Normal(random))],
                Condition = [seconds],
            };
        })];
        rows[7].Condition = [0]; // a code
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 400);
        Assert.Contains(_log, message => message.Contains("value 0 of the condition 'Condition' (standard deviation",
            StringComparison.Ordinal) && message.StartsWith("Standard deviation", StringComparison.Ordinal));
        Assert.Contains(_log, message => message.Contains("little more than float32 resolves", StringComparison.Ordinal));
        // of N(c, 0.1^2) the mean is 0.88 nats, of the features alone -1.6
        Assert.InRange(Conditional.LogLikelihoods(_ml, flow, rows[8..]).Average(), 0.7, 1.0);
    }

    [Fact]
    public void Rows_with_a_condition_that_is_not_finite_are_left_out_or_refused_unless_it_may_be_unknown()
    {
        ConditionalRow[] rows = ConditionPipelineTests.Trained.Rows(100, 1);
        rows[3].Condition = [float.NaN, 0];
        rows[4].Condition = [0, float.PositiveInfinity];
        using (RealNvpTransformer flow = Conditional.Fit(_ml, rows, 5))
            Assert.Equal("2", flow.Model.Metadata.Training["skipped_rows"]);
        Assert.Contains(_log, message => message.Contains("value 0 of the condition 'Condition' in 1 rows", StringComparison.Ordinal));
        Assert.Contains("of the condition 'Condition' in 1 rows", Assert.ThrowsAny<ArgumentException>(
            () => Conditional.Fit(_ml, rows, 5, options => options.NonFiniteRows = NonFiniteRows.Fail)).Message);
        using (RealNvpTransformer flow = Conditional.Fit(_ml, rows, 5, options => options.ConditionDropout = 0.2))
        {
            Assert.Equal("1", flow.Model.Metadata.Training["skipped_rows"]); // an infinity is not unknown
            float[] found = Conditional.LogLikelihoods(_ml, flow, rows[..6]);
            Assert.Equal([4], Enumerable.Range(0, 6).Where(i => float.IsNaN(found[i])));
        }
    }

    /// <summary>A quarter of the dropped rows lose single values: of three values all for 3/4 + 1/4/8, none for 1/4/8.</summary>
    [Theory, InlineData(1), InlineData(3)]
    public void Dropped_conditions_are_whole_for_the_most_part(int values)
    {
        const int Rows = 40_000;
        using var random = new DeviceRandom(1, torch.CPU);
        using var scope = torch.NewDisposeScope();
        torch.Tensor rows = torch.ones(Rows, 2 + values), dropped = new ConditionDropout(2, 0.4, random).Apply(rows);
        Assert.True(dropped.narrow(1, 0, 2).eq(1).all().item<bool>());
        long[] missing = [.. dropped.isnan().sum(1).data<long>()];
        double all = missing.Count(count => count == values) / (double)Rows, some = missing.Count(count => count > 0) / (double)Rows;
        Assert.Equal(values == 1 ? 0.4 : 0.4 * (0.75 + 0.25 / 8), all, 0.01);
        Assert.Equal(values == 1 ? 0.4 : 0.4 * (1 - 0.25 / 8), some, 0.01);
    }

    [Fact]
    public void One_feature_and_a_mixture_train_with_every_kind_of_step()
    {
        ConditionalRow[] rows = [.. ConditionPipelineTests.Trained.Rows(300, 1).Select(row => new ConditionalRow
            { Features = [row.Features[0]], Condition = row.Condition })];
        foreach (FeatureMixing mixing in Enum.GetValues<FeatureMixing>())
        {
            using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 30, options =>
            {
                options.Table = new() { Couplings = 2, HiddenUnits = 8, BatchNorm = true, WeightNorm = true, LatentTailBound = 2,
                    Mixing = mixing };
                options.Members = 2;
                options.Precision = TrainingPrecision.BFloat16;
                (options.Dropout, options.Noise, options.Trim) = (0.1, 0.05, 0.1);
            });
            Assert.Equal(1, flow.Model.Members[0].Count(step => step is Export.Steps.TailCompression { Bound: 2 }));
            Assert.All(Conditional.LogLikelihoods(_ml, flow, rows), value => Assert.True(float.IsFinite(value)));
            Assert.All(flow.Sample(Conditional.Load(_ml, rows)).GetColumn<float[]>("Features"), row => Assert.True(float.IsFinite(row[0])));
        }
    }

    [Fact]
    public void What_a_checkpoint_says_of_a_run_without_a_condition_stays_as_it_was()
    {
        JsonObject Design(RealNvpTrainer.Options options, int conditions) => (JsonObject)JsonSerializer.SerializeToNode(
            (TableDesign)options.Design(FlowShape.Vector(2), conditions), SavedJson.Default.TableDesign)!;
        JsonObject plain = Design(new(), 0), given = Design(new() { ConditionColumnName = "Condition", ConditionDropout = 0.1 }, 3);
        Assert.Equal(["Condition"], given.Select(pair => pair.Key).Except(plain.Select(pair => pair.Key)));
        Assert.Equal("""{"Size":3,"Dropout":0.1}""", given["Condition"]!.ToJsonString());
        Assert.DoesNotContain("RowSize", plain.Select(pair => pair.Key));
    }

    [Fact]
    public void One_feature_without_a_condition_has_a_spline_and_no_couplings()
    {
        using RealNvpTransformer flow = Conditional.Fit(_ml, ConditionPipelineTests.Trained.Rows(100, 1).Select(row => new ConditionalRow
            { Features = [row.Features[0]], Condition = row.Condition }), 5, options => options.ConditionColumnName = null);
        Assert.Null(flow.Model.Condition);
        Assert.Equal(["Standardization", "TailCompression", "SinhArcsinh", "RationalQuadraticSpline", "LatentMixture"],
            flow.Model.Steps.Select(step => step.Kind));
    }

    private IDataView Wrong() => _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 50).Select(i => new WrongRow
        { Features = [i, i % 7], Scalar = i, Text = i % 2 == 0 ? "a" : "b" }));

    private sealed class WrongRow
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];

        public float Scalar { get; set; }

        public string Text { get; set; } = "";
    }

    private sealed class Stop : IProgress<TrainingProgress>
    {
        private readonly CancellationTokenSource _source = new();
        private readonly long _step;

        public Stop(long step, RealNvpTrainer.Options options)
        {
            _step = step;
            options.CancellationToken = _source.Token;
        }

        public void Report(TrainingProgress value)
        {
            if (value.Step >= _step && value.Step < value.Steps)
                _source.Cancel();
        }
    }
}
