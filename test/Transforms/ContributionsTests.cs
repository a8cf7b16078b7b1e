using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Explanations against their definition, computed row by row with the independent evaluation of the flow.</summary>
public sealed class ContributionsTests
{
    private static readonly RealNvpColumns s_columns = new() { Contributions = "Contributions" };

    private readonly MLContext _ml = new(1);
    private readonly FlowModel _model;
    private readonly float[] _medians;

    public ContributionsTests()
    {
        FlowModel flow = Flows.Random(FeatureRow.Size, named: true);
        _medians = Flows.Rows(flow, 1, seed: 99)[0];
        _model = new FlowModel(flow.InputShape, flow.Steps, flow.Calibration,
            new FlowMetadata { FeatureNames = flow.Metadata.FeatureNames, FeatureMedians = [.. _medians] }, flow.Probes);
    }

    [Fact]
    public void Contributions_are_the_mean_of_both_orders_of_replacement()
    {
        FeatureRow[] rows = [.. FeatureRow.Many(_model, 20)];
        using RealNvpTransformer transformer = _ml.Transforms.ApplyRealNvp(_model, columns: s_columns)
            .Fit(_ml.Data.LoadFromEnumerable(rows));
        float[][] found = [.. transformer.Transform(_ml.Data.LoadFromEnumerable(rows)).GetColumn<float[]>("Contributions")];
        for (int i = 0; i < rows.Length; i++)
        {
            double[] expected = Expected(rows[i].Features);
            for (int j = 0; j < expected.Length; j++)
                Assert.Equal(expected[j], found[i][j], 2e-3 * Math.Max(1, Math.Abs(expected[j])));
            Assert.Equal(Score(rows[i].Features) - Score(_medians), found[i].Sum(), 5e-3 * Math.Max(1, Math.Abs(Score(rows[i].Features))));
        }
    }

    [Fact]
    public void The_exported_graph_has_them_where_the_column_is_named()
    {
        FeatureRow[] rows = [.. FeatureRow.Many(_model, 20)];
        using RealNvpTransformer transformer = _ml.Transforms.ApplyRealNvp(_model, columns: s_columns)
            .Fit(_ml.Data.LoadFromEnumerable(rows));
        string path = Path.GetTempFileName();
        try
        {
            transformer.ExportDensity(path);
            float[] there = GraphResults.Of(File.ReadAllBytes(path), "Features", [.. rows.Select(row => row.Features)])["Contributions"];
            IDataView scored = transformer.Transform(_ml.Data.LoadFromEnumerable(rows));
            float[] here = [.. scored.GetColumn<float[]>("Contributions").SelectMany(row => row)];
            Assert.All(here.Zip(there), pair => Assert.Equal(pair.First, pair.Second, 1e-3f * Math.Max(1, Math.Abs(pair.First))));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_row_that_is_not_finite_has_contributions_that_are_not_numbers_and_harms_no_other()
    {
        FeatureRow[] rows = [.. FeatureRow.Many(_model, 3)];
        rows[1].Features = [.. rows[1].Features];
        rows[1].Features[2] = float.NaN;
        using RealNvpTransformer transformer = _ml.Transforms.ApplyRealNvp(_model, columns: s_columns)
            .Fit(_ml.Data.LoadFromEnumerable(rows));
        float[][] found = [.. transformer.Transform(_ml.Data.LoadFromEnumerable(rows)).GetColumn<float[]>("Contributions")];
        Assert.All(found[1], value => Assert.True(float.IsNaN(value)));
        Assert.All(found[0].Concat(found[2]), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void The_column_has_the_slot_names_of_the_features_and_is_there_only_when_named()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 3));
        using RealNvpTransformer plain = _ml.Transforms.ApplyRealNvp(_model).Fit(data);
        Assert.Null(plain.GetOutputSchema(data.Schema).GetColumnOrNull("Contributions"));
        using RealNvpTransformer explained = plain.WithColumns(s_columns);
        VBuffer<ReadOnlyMemory<char>> names = default;
        explained.GetOutputSchema(data.Schema)["Contributions"].GetSlotNames(ref names);
        Assert.Equal(_model.Metadata.FeatureNames, names.DenseValues().Select(name => name.ToString()));
        SchemaShape promised = _ml.Transforms.ApplyRealNvp(_model, columns: s_columns).GetOutputSchema(MlNetInternals.ShapeOf(data.Schema));
        Assert.Equal(promised.Select(column => column.Name), explained.GetOutputSchema(data.Schema).Select(column => column.Name));
    }

    [Fact]
    public void A_model_without_medians_says_so()
    {
        FlowModel bare = Flows.Random(FeatureRow.Size);
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(bare, 3));
        Assert.Contains("'Contributions' cannot be added: contributions compare a row with the medians", Assert.Throws<ArgumentException>(
            () => _ml.Transforms.ApplyRealNvp(bare, columns: s_columns)).Message, StringComparison.Ordinal);
        using RealNvpTransformer plain = _ml.Transforms.ApplyRealNvp(bare).Fit(data);
        Assert.Throws<ArgumentException>(() => plain.WithColumns(s_columns));
    }

    private double Score(float[] row) => -Flows.Evaluate(_model, row).LogLikelihood;

    private double[] Expected(float[] x)
    {
        int size = x.Length;
        double[] forward = [.. Enumerable.Range(0, size + 1).Select(k => Score([.. x.Select((value, j) => j < k ? _medians[j] : value)]))];
        double[] backward = [.. Enumerable.Range(0, size + 1)
            .Select(k => Score([.. x.Select((value, j) => j >= size - k ? _medians[j] : value)]))];
        return [.. Enumerable.Range(0, size).Select(j => (forward[j] - forward[j + 1] + backward[size - 1 - j] - backward[size - j]) / 2)];
    }
}
