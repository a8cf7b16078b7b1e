using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>A whole pipeline as one graph by ML.NET's ConvertToOnnx, from raw columns, with flows anywhere in it.</summary>
[Trait("Area", "Pipelines")]
public sealed class PipelineGraphTests
{
    private static readonly string[] s_added
        = ["Score", "PredictedLabel", "LogLikelihood", "PValue", "Typicality", "TypicalityPValue", "Latent"];

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Raw_columns_to_every_column_of_a_flow()
    {
        IDataView data = Machine.Load(_ml, 1000, 1), fresh = Machine.LoadStrange(_ml, 500, 2);
        ITransformer model = Prepared().Append(Trainer()).Fit(data);
        using var converted = new ConvertedPipeline(_ml, model, data);
        Assert.Equal(s_added, converted.Columns[^s_added.Length..]);
        foreach (int batch in (int[])[0, 1, 7])
            AssertExact(converted.AssertSame(fresh, batch));
        converted.AssertSameByMlNet(fresh, s_added);
        string[] flagged = [.. converted.Run(fresh)["PredictedLabel.output"].Select(label => $"{label}").Distinct()];
        Assert.Equal(2, flagged.Length); // both labels occur
    }

    [Fact]
    public void Comparison_can_fail()
    {
        IDataView data = Machine.Load(_ml, 300, 1);
        using var converted = new ConvertedPipeline(_ml, Prepared().Append(Trainer()).Fit(data), data);
        using var other = new ConvertedPipeline(_ml, Prepared().Append(Trainer(options => options.Steps = 21)).Fit(data), data);
        Assert.NotEqual(converted.Run(data)["Score.output"], other.Run(data)["Score.output"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Two_flows_with_steps_between_and_behind(bool sameNames)
    {
        IDataView data = Machine.Load(_ml, 600, 1), fresh = Machine.LoadStrange(_ml, 200, 2);
        RealNvpColumns columns = sameNames ? new() : new() { Score = "Second", PredictedLabel = "SecondLabel", Latent = "SecondLatent" };
        var pipeline = Prepared().Append(Trainer())
            .Append(_ml.Transforms.Concatenate("Both", "Score", "Latent")).Append(_ml.Transforms.CopyColumns("First", "Score"))
            .Append(Trainer(options => (options.FeatureColumnName, options.Columns) = ("Both", columns)))
            .Append(_ml.Transforms.Concatenate("All", columns.Score, "First", "PValue")).Append(_ml.Transforms.DropColumns("Typicality"));
        ITransformer model = pipeline.Fit(data);
        using var converted = new ConvertedPipeline(_ml, model, data);
        Assert.DoesNotContain("Typicality", converted.Columns);
        converted.AssertSame(fresh);
        AssertExact(converted.AssertSame(data, batch: 1));
        converted.AssertSameByMlNet(fresh, "First", "All", columns.Score, columns.PredictedLabel);
    }

    [Fact]
    public void Saved_and_loaded_alone_and_in_chains_of_chains()
    {
        IDataView data = Machine.Load(_ml, 300, 1);
        ITransformer prepared = Prepared().Fit(data);
        IDataView ready = prepared.Transform(data);
        using RealNvpTransformer flow = Trainer().Fit(ready);
        var chain = new TransformerChain<ITransformer>(prepared, new TransformerChain<ITransformer>(flow));
        byte[] bytes = ConvertedPipeline.Convert(_ml, chain, data);
        using var file = new MemoryStream();
        _ml.Model.Save(chain, data.Schema, file);
        file.Position = 0;
        ITransformer loaded = _ml.Model.Load(file, out _);
        using var again = new ConvertedPipeline(_ml, loaded, data);
        Assert.Equal(bytes, again.Bytes);
        AssertExact(again.AssertSame(data));
        // the data's own steps are part of the graph, as of every conversion of ML.NET's: a cache ends them
        Assert.Contains("Kind", InputsOf(_ml, flow, ready));
        Assert.Equal(["Features"], InputsOf(_ml, flow,
            _ml.Data.Cache(_ml.Transforms.SelectColumns("Features").Fit(ready).Transform(ready))));
    }

    [Fact]
    public void Columns_that_are_kept_and_thresholds()
    {
        IDataView data = Machine.Load(_ml, 300, 1);
        ITransformer prepared = Prepared().Fit(data);
        using RealNvpTransformer flow = Trainer().Fit(prepared.Transform(data)), strict = flow.WithContamination(0.5);
        using var kept = new ConvertedPipeline(_ml, new TransformerChain<ITransformer>(prepared, strict), data, "PValue", "PredictedLabel");
        Assert.Equal(["PredictedLabel", "PValue"], kept.Columns.Order(StringComparer.Ordinal).Reverse());
        AssertExact(kept.AssertSame(data));
        Assert.InRange(kept.Run(data)["PredictedLabel.output"].Count(label => (bool)label), 90, 210);
    }

    [Fact]
    public void Rows_of_any_kind_of_view_certify()
    {
        IDataView data = Machine.Load(_ml, 300, 1);
        ITransformer model = Prepared().Append(Trainer()).Fit(data);
        byte[] bytes = ConvertedPipeline.Convert(_ml, model, data);
        var messages = new List<string>();
        _ml.Log += (_, log) => messages.Add(log.Message);
        int reads = 0;
        const string First = @"by (6[4-9]|[7-9]\d|1[0-2]\d) rows"; // and later ones that hold something new
        (IDataView View, string Said)[] views =
        [
            (data, First),
            (_ml.Data.Cache(data), First),
            (_ml.Data.TakeRows(data, 10), "by 10 rows"),
            (_ml.Data.FilterRowsByMissingValues(data, "Pressure"), First),
            (_ml.Data.ShuffleRows(data, seed: 1), First),
            (_ml.Data.LoadFromEnumerable(Array.Empty<Machine>()), "which has none"),
            (_ml.Data.LoadFromEnumerable(Others()), "others each time"),
        ];
        foreach ((IDataView view, string said) in views)
        {
            messages.Clear();
            Assert.Equal(bytes, ConvertedPipeline.Convert(_ml, model, view));
            Assert.Matches(said, Assert.Single(messages, message => message.Contains("certified", StringComparison.Ordinal)));
        }
        using var split = new ConvertedPipeline(_ml, model, _ml.Data.TrainTestSplit(data, 0.3).TrainSet);
        AssertExact(split.AssertSame(data));

        IEnumerable<Machine> Others()
        {
            var random = new Random(reads++);
            for (int i = 0; i < 20; i++)
                yield return new Machine { Temperature = 60 + random.NextSingle(), Pressure = 3, Kind = "fan" };
        }
    }

    [Fact]
    public void Raw_columns_of_every_type()
    {
        FlowModel flow = Flows.Random();
        IDataView data = _ml.Data.LoadFromEnumerable(Flows.Rows(flow, 20, 1).Select((row, i) => new Typed
        {
            Features = row, Double = i, Byte = (byte)i, Short = (short)-i, Long = -i, Unsigned = (ulong)i, Key = (uint)i % 3,
            Flag = i % 2 == 0, Text = i == 3 ? null : $"{i}", Texts = [$"{i}", ""], Grid = [i, 1, 2, 3, 4, 5], Any = new float[i % 4],
        }).ToArray());
        var messages = new List<string>();
        _ml.Log += (_, log) => messages.Add(log.Message);
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow).Fit(data);
        // of no known size: no batch of it can be run
        Assert.NotEmpty(ConvertedPipeline.Convert(_ml, scorer, data, "Score"));
        Assert.Contains(messages, message => message.Contains("whose column 'Any'", StringComparison.Ordinal));
        IDataView sized = _ml.Data.Cache(_ml.Transforms.DropColumns("Any").Fit(data).Transform(data));
        Assert.NotEmpty(ConvertedPipeline.Convert(_ml, scorer, sized));
        Assert.Contains(messages, message => message.Contains("by 20 rows", StringComparison.Ordinal));
    }

    [Fact]
    public void Data_whose_columns_share_a_name()
    {
        FlowModel flow = Flows.Random();
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 30));
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow).Fit(data);
        IDataView twice = _ml.Data.Cache(scorer.Transform(scorer.Transform(data)));
        using var converted = new ConvertedPipeline(_ml, scorer, twice, "Score", "Latent");
        Assert.Equal(["Score", "Latent"], converted.Columns);
    }

    [Fact]
    public void Conditions()
    {
        IDataView data = Machine.Load(_ml, 600, 1), fresh = Machine.LoadStrange(_ml, 200, 2);
        var pipeline = Prepared().Append(_ml.Transforms.Concatenate("Numbers", "Temperature", "Pressure"))
            .Append(Trainer(options => (options.FeatureColumnName, options.ConditionColumnName, options.Columns)
                = ("Numbers", "Kind", new() { Contributions = "Shares" })));
        using var converted = new ConvertedPipeline(_ml, pipeline.Fit(data), data);
        converted.AssertSame(fresh);
        converted.AssertSame(fresh, batch: 3);
        // and back, given the condition
        ITransformer prepared = Prepared().Append(_ml.Transforms.Concatenate("Numbers", "Temperature", "Pressure")).Fit(data);
        using RealNvpTransformer flow = Trainer(options => (options.FeatureColumnName, options.ConditionColumnName) = ("Numbers", "Kind"))
            .Fit(prepared.Transform(data));
        using RealNvpSampler sampler = flow.CreateSampler("Latent", "Drawn", temperature: 0.5f);
        using var back = new ConvertedPipeline(_ml, new TransformerChain<ITransformer>(prepared, flow, sampler), data);
        back.AssertSame(data, 0, "Score", "PredictedLabel", "PValue", "Drawn");
    }

    [Fact]
    public void Mixtures_and_contributions()
    {
        IDataView data = Machine.Load(_ml, 600, 1), fresh = Machine.LoadStrange(_ml, 100, 2);
        foreach (int members in (int[])[1, 2])
        {
            ITransformer model = Prepared().Append(Trainer(options => (options.Members, options.Columns)
                = (members, new() { Contributions = "Shares" }))).Fit(data);
            using var converted = new ConvertedPipeline(_ml, model, data);
            Assert.Equal(members == 1, converted.Columns.Contains("Latent"));
            Dictionary<string, double> differences = converted.AssertSame(fresh, 0, "PredictedLabel", "PValue", "TypicalityPValue");
            AssertExact(differences);
            converted.AssertSame(data);
            converted.AssertSame(data, batch: 5);
        }
    }

    [Fact]
    public void One_feature_has_one_contribution()
    {
        IDataView data = Tables.Load(_ml, Tables.Gaussian(200, 1, 1));
        ITransformer model = Trainer(options => options.Columns = new() { Contributions = "Shares" }).Fit(data);
        using var converted = new ConvertedPipeline(_ml, model, data);
        converted.AssertSame(data);
    }

    [Theory]
    [InlineData(1, 8, 8)]
    [InlineData(3, 4, 4)]
    public void Images_from_a_column_of_numbers_and_back(int channels, int height, int width)
    {
        FlowModel flow = ImageFlows.Random(channels, height, width);
        IDataView data = Tables.Load(_ml, ImageFlows.Rows(flow, 40), channels, height, width);
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow, columns: new() { BitsPerDimension = "Bits" }).Fit(data);
        using RealNvpSampler sampler = scorer.CreateSampler("Latent", "Drawn", temperature: 0.7f);
        using var converted = new ConvertedPipeline(_ml, new TransformerChain<ITransformer>(scorer, sampler), data);
        Assert.Contains("Bits", converted.Columns);
        // no p-values: the rows are those of the calibration, and stand at its steps
        converted.AssertSame(data, 0, "Score", "PredictedLabel", "Bits", "Latent", "Drawn");
        converted.AssertSameByMlNet(data, "Score", "PredictedLabel", "Bits");
        using RealNvpTransformer larger = scorer.WithImageSize(2 * height, 2 * width); // without probes
        IDataView large = Tables.Load(_ml, ImageFlows.Rows(larger.Model, 5), channels, 2 * height, 2 * width);
        using RealNvpSampler largeSampler = larger.CreateSampler("Latent", "Drawn");
        using var convertedLarge = new ConvertedPipeline(_ml, new TransformerChain<ITransformer>(larger, largeSampler), large);
        convertedLarge.AssertSame(large, 0, "Score", "Latent");
    }

    [Fact]
    public void The_map_of_the_score_and_what_it_says_of_a_picture()
    {
        RealNvpColumns columns = new()
        {
            ScoreMap = "Map", MapMaximum = "Largest", MapMaximumPValue = "LargestP", MapMaximumLabel = "HasOdd",
        };
        FlowModel flow = ImageFlows.Random(3, 4, 4);
        IDataView data = Tables.Load(_ml, ImageFlows.Rows(flow, 40), 3, 4, 4);
        float[] maxima;
        using (RealNvpTransformer plain = _ml.Transforms.ApplyRealNvp(flow, columns: columns).Fit(data))
            maxima = [.. plain.Transform(data).GetColumn<float>("Largest").Order()];
        // steps half way between two rows, so that none stands on one
        flow = flow.WithScoreMapCalibration(new(maxima.Zip(maxima[1..], (a, b) => (a + b) / 2), maxima, contamination: 0.3));
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow, columns: columns).Fit(data);
        using var converted = new ConvertedPipeline(_ml, scorer, data);
        converted.AssertSame(data, 0, "Score", "Map", "Largest", "LargestP", "HasOdd");
        Assert.InRange(scorer.Transform(data).GetColumn<bool>("HasOdd").Count(odd => odd), 1, 39);
    }

    [Fact]
    public void A_sampler_alone()
    {
        FlowModel flow = Flows.Random(named: true);
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 100));
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow).Fit(data);
        using RealNvpSampler sampler = scorer.CreateSampler("Features", "Drawn", temperature: 0.3f); // any vector is a latent
        using var converted = new ConvertedPipeline(_ml, sampler, data, "Drawn");
        AssertExact(converted.AssertSame(data));
        using RealNvpSampler warmer = scorer.CreateSampler("Features", "Drawn", temperature: 0.4f);
        using var other = new ConvertedPipeline(_ml, warmer, data, "Drawn");
        Assert.NotEqual(converted.Run(data)["Drawn.output"], other.Run(data)["Drawn.output"]);
    }

    [Fact]
    public void The_view_is_otherwise_as_any()
    {
        IDataView data = Tables.Load(_ml, Tables.Gaussian(100, 2, 1));
        using RealNvpTransformer model = Trainer().Fit(data);
        IDataView scored = _ml.Data.Cache(_ml.Data.TakeRows(model.Transform(data), 50));
        Assert.Equal(50, scored.GetColumn<float>("Score").Count());
        Assert.Contains("'Nowhere'", Assert.ThrowsAny<ArgumentException>(()
            => model.Transform(data).GetColumn<float>("Nowhere").Count()).Message, StringComparison.Ordinal);
    }

    private sealed class Typed
    {
        [VectorType(FeatureRow.Size)]
        public float[] Features { get; set; } = [];

        public double Double { get; set; }

        public byte Byte { get; set; }

        public short Short { get; set; }

        public long Long { get; set; }

        public ulong Unsigned { get; set; }

        [KeyType(2)]
        public uint Key { get; set; }

        public bool Flag { get; set; }

        public string? Text { get; set; }

        [VectorType(2)]
        public string[] Texts { get; set; } = [];

        [VectorType(2, 3)]
        public int[] Grid { get; set; } = [];

        public float[] Any { get; set; } = [];
    }

    private static void AssertExact(Dictionary<string, double> differences)
        => Assert.All(differences, difference => Assert.True(difference.Value == 0, $"{difference.Key}: {difference.Value}"));

    private static IEnumerable<string> InputsOf(MLContext ml, ITransformer model, IDataView data)
    {
        using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(ConvertedPipeline.Convert(ml, model, data));
        return [.. session.InputNames];
    }

    private IEstimator<ITransformer> Prepared() => _ml.Transforms.ReplaceMissingValues("Pressure",
            replacementMode: MissingValueReplacingEstimator.ReplacementMode.Mean)
        .Append(_ml.Transforms.Categorical.OneHotEncoding("Kind"))
        .Append(_ml.Transforms.Concatenate("Features", "Temperature", "Pressure", "Kind"))
        .Append(_ml.Transforms.NormalizeMinMax("Features", fixZero: false));

    private RealNvpTrainer Trainer(Action<RealNvpTrainer.Options>? set = null)
    {
        var options = new RealNvpTrainer.Options { Steps = 20 };
        set?.Invoke(options);
        return _ml.AnomalyDetection.Trainers.RealNvp(options);
    }
}
