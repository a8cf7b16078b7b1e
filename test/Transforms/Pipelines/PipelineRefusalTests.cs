using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>What no graph of a pipeline can hold is an error, and so is a graph that gives something else than the pipeline.</summary>
[Trait("Area", "Pipelines")]
public sealed class PipelineRefusalTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Steps_of_ours_that_no_graph_can_hold()
    {
        FlowModel images = ImageFlows.Random();
        IDataView pixels = Tables.Load(_ml, ImageFlows.Rows(images, 5), 1, 4, 4);
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(images).Fit(pixels);
        using RealNvpSampler sampler = scorer.CreateSampler(asImages: true);
        Assert.Contains("'Image'", Refusal(new TransformerChain<ITransformer>(scorer, sampler), pixels), StringComparison.Ordinal);

        FlowModel flow = Flows.Random();
        IDataView rows = _ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 20));
        ITransformer lags = _ml.Transforms.Lags("Lagged", ["Features"], [1]).Fit(rows);
        ITransformer behind = _ml.Transforms.ApplyRealNvp(flow, "Lagged").Fit(lags.Transform(rows));
        Assert.Contains("'Lagged'", Refusal(new TransformerChain<ITransformer>(lags, behind), rows), StringComparison.Ordinal);
        IDataView lagged = _ml.Data.Cache(lags.Transform(rows));
        using var converted = new ConvertedPipeline(_ml, behind, lagged);
        Assert.All(converted.AssertSame(lagged), difference => Assert.Equal(0, difference.Value));
    }

    [Fact]
    public void Data_with_columns_that_no_graph_can_have()
    {
        IDataView dated = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 50)
            .Select(i => new Dated { A = i, Features = [i, 2, 3, 4, 5], When = DateTime.UnixEpoch.AddHours(i) }).ToArray());
        using RealNvpTransformer flow = _ml.Transforms.ApplyRealNvp(Flows.Random()).Fit(dated);
        Assert.Contains("'When'", Refusal(flow, dated), StringComparison.Ordinal);
        IDataView without = _ml.Data.Cache(_ml.Transforms.DropColumns("When").Fit(dated).Transform(dated));
        using var converted = new ConvertedPipeline(_ml, flow, without);
        Assert.All(converted.AssertSame(dated), difference => Assert.Equal(0, difference.Value));
    }

    [Fact]
    public void Opsets_below_12_are_refused_in_the_words_of_MLNET()
    {
        FlowModel flow = Flows.Random();
        IDataView rows = _ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 5));
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow).Fit(rows);
        using var stream = new MemoryStream();
        Assert.Contains("OpSet version 11 is lower than RealNvpTransformer's", Assert.ThrowsAny<ArgumentException>(()
            => _ml.Model.ConvertToOnnx(scorer, rows, 11, stream)).Message, StringComparison.Ordinal);
        _ml.Model.ConvertToOnnx(scorer, rows, 12, stream);
        Assert.NotEqual(0, stream.Length);
    }

    [Fact]
    public void A_graph_that_is_not_the_trained_flow_is_not_written()
    {
        FlowModel flow = Flows.Random();
        var probes = new ProbeSet([.. flow.Probes.Rows], [.. flow.Probes.LogLikelihoods.Select((value, i) => i == 7 ? value + 0.1 : value)],
            [.. flow.Probes.Latents]);
        var damaged = new FlowModel(flow.InputShape, flow.Steps, flow.Calibration, flow.Metadata, probes);
        IDataView rows = _ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 5));
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(damaged).Fit(rows);
        using var stream = new MemoryStream();
        var error = Assert.Throws<FlowParityException>(() => _ml.Model.ConvertToOnnx(scorer, rows, stream));
        Assert.Equal(("LogLikelihood", 7), (error.Output, error.Row));
        Assert.Equal(0, stream.Length);
    }

    [Theory]
    [InlineData(1f, false)]
    [InlineData(1.01f, true)]
    public void A_step_that_does_in_the_graph_what_it_does_not_do_is_found_by_rows(float inGraph, bool isFound)
    {
        FlowModel flow = Flows.Random();
        IDataView rows = _ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 50));
        var lying = new LyingCopy(inGraph);
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow, "Copy").Fit(lying.Transform(rows));
        var chain = new TransformerChain<ITransformer>(lying, scorer);
        using var stream = new MemoryStream();
        if (!isFound)
        {
            _ml.Model.ConvertToOnnx(chain, rows, stream);
            return;
        }
        var error = Assert.Throws<FlowParityException>(() => _ml.Model.ConvertToOnnx(chain, rows, stream));
        Assert.Equal("Copy", error.Output);
        Assert.Equal(1.01, error.Found / error.Expected, 1e-5);
        Assert.Equal(0, stream.Length);
    }

    /// <summary>ONNX hashes an empty text, ML.NET does not: the graph would be wrong for such rows alone, wherever they stand.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(250)]
    public void A_row_that_is_like_none_before_it_is_among_those_that_certify(int empty)
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 300)
            .Select(i => new Hashed { A = i * 0.01f, Kind = i == empty ? "" : "abc"[i % 3].ToString() }).ToArray());
        EstimatorChain<RealNvpTransformer> pipeline = _ml.Transforms.Categorical.OneHotHashEncoding("Kind", numberOfBits: 2)
            .Append(_ml.Transforms.Concatenate("Features", "A", "Kind")).Append(_ml.Transforms.ApplyRealNvp(Flows.Random()));
        using TransformerChain<RealNvpTransformer> model = pipeline.Fit(rows);
        using var stream = new MemoryStream();
        if (empty < 0)
        {
            _ml.Model.ConvertToOnnx(model, rows, stream);
            return;
        }
        var error = Assert.Throws<FlowParityException>(() => _ml.Model.ConvertToOnnx(model, rows, stream));
        Assert.Equal(("Features", empty), (error.Output, error.Row));
        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public void Rows_that_cannot_be_read_are_told()
    {
        FlowModel flow = Flows.Random();
        IDataView rows = _ml.Data.LoadFromEnumerable(new[] { new FeatureRow { Features = null! } });
        using RealNvpTransformer scorer = _ml.Transforms.ApplyRealNvp(flow).Fit(rows);
        Assert.Contains("cannot be read", Refusal(scorer, rows), StringComparison.Ordinal);
    }

    private string Refusal(ITransformer model, IDataView data)
    {
        using var stream = new MemoryStream();
        string message = Assert.Throws<InvalidOperationException>(() => _ml.Model.ConvertToOnnx(model, data, stream)).Message;
        Assert.Equal(0, stream.Length);
        return message;
    }

    private sealed class Hashed
    {
        public float A { get; set; }

        public string Kind { get; set; } = "";
    }

    private sealed class Dated
    {
        public float A { get; set; }

        [VectorType(5)]
        public float[] Features { get; set; } = [];

        public DateTime When { get; set; }
    }

    /// <summary>Copies Features to Copy, and says in the graph that it multiplies them.</summary>
    private sealed class LyingCopy(float inGraph) : ITransformer
    {
        private readonly ITransformer _copy = new MLContext().Transforms.CopyColumns("Copy", "Features")
            .Fit(new MLContext().Data.LoadFromEnumerable(Array.Empty<FeatureRow>()));

        bool ITransformer.IsRowToRowMapper => false;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _copy.GetOutputSchema(inputSchema);

        public IDataView Transform(IDataView input) => ConvertibleView.Of(_copy.Transform(input), input, new Part(inGraph));

        IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => throw new NotSupportedException();

        void ICanSaveModel.Save(ModelSaveContext ctx) => throw new NotSupportedException();

        private sealed class Part(float inGraph) : IPipelinePart
        {
            public string Name => nameof(LyingCopy);

            public string? Refusal => null;

            public System.Collections.Immutable.ImmutableArray<PipelineInput> Inputs => [new("Features", "X", FeatureRow.Size)];

            public void AddTo(PipelineGraph graph, IDataView view, IDataView source)
            {
                var nodes = new GraphNodes("lie", GraphNodes.PipelineOpset);
                nodes.Input("X", "N", FeatureRow.Size);
                nodes.Name("Y", nodes.Node("Mul", "X", nodes.Scalar(inGraph)));
                graph.Add(nodes.ToModel("", []), Inputs, [new("Copy", "Y", view.Schema["Copy"].Type)]);
            }
        }
    }
}
