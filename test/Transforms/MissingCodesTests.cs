using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Tests.Transforms.Pipelines;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Numbers that stand for missing ones, in views, single rows, saved models and the graph of a pipeline.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class MissingCodesTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Codes_become_NaN_and_all_else_stays()
    {
        IDataView data = Load([new(-999, [0, 1, -1]), new(1, [-999, -0f, 5]), new(-998.99994f, [float.NaN, float.PositiveInfinity, 2])]);
        using var folder = new TemporaryFolder();
        MissingCodesTransformer made = _ml.Transforms.TreatAsMissing([-999, 0], "Number", "Vector").Fit(data);
        _ml.Model.Save(made, data.Schema, folder.File("codes.zip"));
        ITransformer loaded = _ml.Model.Load(folder.File("codes.zip"), out _);
        foreach (ITransformer codes in (ITransformer[])[made, loaded])
        {
            IDataView marked = codes.Transform(data);
            Assert.Equal([float.NaN, 1, -998.99994f], marked.GetColumn<float>("Number"));
            Assert.Equal([[float.NaN, 1, -1], [float.NaN, float.NaN, 5], [float.NaN, float.PositiveInfinity, 2]],
                marked.GetColumn<float[]>("Vector"));
            using var engine = _ml.Model.CreatePredictionEngine<Row, Row>(codes, data.Schema);
            Row one = engine.Predict(new(-999, [0, 7, 7]));
            Assert.Equal([float.NaN, float.NaN, 7, 7], [one.Number, .. one.Vector]);
        }
        Assert.Equal([-999, 0], ((MissingCodesTransformer)loaded).Codes);
    }

    [Fact]
    public void Sparse_vectors_whose_zeros_are_codes_are_whole()
    {
        IDataView keys = _ml.Data.LoadFromEnumerable([new Kind("a"), new Kind("b")]);
        IDataView sparse = _ml.Transforms.Categorical.OneHotEncoding("Name").Fit(keys).Transform(keys);
        IDataView marked = _ml.Transforms.TreatAsMissing([0], "Name").Fit(sparse).Transform(sparse);
        Assert.Equal([[1, float.NaN], [float.NaN, 1]], marked.GetColumn<float[]>("Name"));
        VBuffer<ReadOnlyMemory<char>> slots = default; // annotations stay
        marked.Schema["Name"].GetSlotNames(ref slots);
        Assert.Equal(["a", "b"], slots.DenseValues().Select(slot => slot.ToString()));
    }

    [Fact]
    public void A_pipeline_with_codes_is_one_graph()
    {
        IDataView data = Load([.. Enumerable.Range(0, 40).Select(i => new Row(i % 5 == 0 ? -999 : i, [i % 3, -1, i]))]);
        var pipeline = _ml.Transforms.TreatAsMissing([-999, -1, 0], "Number", "Vector")
            .Append(_ml.Transforms.ReplaceMissingValues([new("Number"), new("Vector")]))
            .Append(_ml.Transforms.Concatenate("Features", "Number", "Vector"))
            .Append(_ml.Transforms.ApplyRealNvp(Flows.Random(features: 4)));
        ITransformer model = pipeline.Fit(data);
        using var disposed = model as IDisposable;
        using var converted = new ConvertedPipeline(_ml, model, data);
        converted.AssertSame(data);
        Assert.Equal(0, model.Transform(data).GetColumn<float>("Number").First()); // replaced by ML.NET's default
    }

    [Fact]
    public void What_is_no_code_or_no_column_of_numbers_is_refused()
    {
        Assert.Contains("The codes are NaN.", Refused(() => _ml.Transforms.TreatAsMissing([float.NaN], "Number")),
            StringComparison.Ordinal);
        Assert.Contains("one finite number or more", Refused(() => _ml.Transforms.TreatAsMissing([], "Number")), StringComparison.Ordinal);
        Assert.Contains("one name or more", Refused(() => _ml.Transforms.TreatAsMissing([1])), StringComparison.Ordinal);
        Assert.Contains("each once", Refused(() => _ml.Transforms.TreatAsMissing([1], "Number", "Number")), StringComparison.Ordinal);
        IDataView keys = _ml.Data.LoadFromEnumerable([new Kind("a")]);
        Assert.Contains("'Name' is String", Refused(() => _ml.Transforms.TreatAsMissing([1], "Name").Fit(keys)), StringComparison.Ordinal);
        Assert.Contains("'None' is missing", Refused(() => _ml.Transforms.TreatAsMissing([1], "None").Fit(keys)), StringComparison.Ordinal);
        // and by a pipeline, before its first row is read
        Assert.Contains("'Name' is String", Refused(() => _ml.Transforms.CopyColumns("Other", "Name")
            .Append(_ml.Transforms.TreatAsMissing([1], "Name")).Fit(keys)), StringComparison.Ordinal);
    }

    private static string Refused(Action act) => Assert.ThrowsAny<ArgumentException>(act).Message;

    private IDataView Load(Row[] rows) => _ml.Data.LoadFromEnumerable(rows);

    private sealed class Row
    {
        public Row() { }

        public Row(float number, float[] vector) => (Number, Vector) = (number, vector);

        public float Number { get; set; }

        [VectorType(3)]
        public float[] Vector { get; set; } = [];
    }

    private sealed record Kind(string Name);
}
