using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
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
        float[] there = GraphResults.Of(Written(transformer), "Features", [.. rows.Select(row => row.Features)])["Contributions"];
        IDataView scored = transformer.Transform(_ml.Data.LoadFromEnumerable(rows));
        float[] here = [.. scored.GetColumn<float[]>("Contributions").SelectMany(row => row)];
        Assert.All(here.Zip(there), pair => Assert.Equal(pair.First, pair.Second, 1e-3f * Math.Max(1, Math.Abs(pair.First))));
    }

    [Fact]
    public void The_largest_scores_have_finite_contributions_too()
    {
        var model = new FlowModel(FlowShape.Vector(FeatureRow.Size), [new Standardization([.. new float[FeatureRow.Size]],
            [.. Enumerable.Repeat(1f, FeatureRow.Size)])], metadata: new FlowMetadata { FeatureMedians = [.. new float[FeatureRow.Size]] });
        FeatureRow[] rows = [new() { Features = [2.6e19f, .. new float[FeatureRow.Size - 1]] }];
        using RealNvpTransformer transformer = _ml.Transforms.ApplyRealNvp(model, columns: s_columns)
            .Fit(_ml.Data.LoadFromEnumerable(rows));
        float[] here = transformer.Transform(_ml.Data.LoadFromEnumerable(rows)).GetColumn<float[]>("Contributions").Single();
        Assert.Equal(float.MaxValue, here[0], 1e33f); // the score's own bound
        Assert.Equal(here, GraphResults.Of(Written(transformer), "Features", [rows[0].Features])["Contributions"]);
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

    /// <summary>
    /// One by one, the features of a category would pass through rows of two categories or none, which no row is like: their scores are
    /// hundreds of nats, and every reason of a usual row was one of those.
    /// </summary>
    [Fact]
    public void A_category_is_replaced_as_one_in_rows_and_graph()
    {
        string[] names = ["weight", "kind.red", "kind.blue", "kind.green", "size"];
        float[] typical = [0.3f, 0, 1, 0, -0.2f];
        FlowModel flow = Flows.Random(FeatureRow.Size, named: true);
        var model = new FlowModel(flow.InputShape, flow.Steps, flow.Calibration,
            new FlowMetadata { FeatureNames = [.. names], FeatureMedians = [.. typical] }, flow.Probes);
        float[][] rows = [[1, 1, 0, 0, 2], [1, 0, 1, 0, 2], [-1, 0, 0, 0, 0.1f], [0.3f, 0, 0, 1, -0.2f]];
        int[][] columns = [[0], [1, 2, 3], [4]];
        int[] shown = [1, 2, 2, 3]; // where the category's part stands; the second row has that of the typical one
        using RealNvpTransformer transformer = _ml.Transforms.ApplyRealNvp(model, columns: s_columns)
            .Fit(_ml.Data.LoadFromEnumerable(rows.Select(row => new FeatureRow { Features = row })));
        float[][] found = [.. transformer.Transform(_ml.Data.LoadFromEnumerable(rows.Select(row => new FeatureRow { Features = row })))
            .GetColumn<float[]>("Contributions")];
        float[] graph = GraphResults.Of(Written(transformer), "Features", rows)["Contributions"];
        for (int i = 0; i < rows.Length; i++)
        {
            double[] scores = [.. Enumerable.Range(0, 1 << columns.Length)
                .Select(set => -Flows.Evaluate(model, Replaced(rows[i], set)).LogLikelihood)];
            for (int j = 0; j < columns.Length; j++)
            {
                int before = (1 << j) - 1, after = (1 << columns.Length) - (1 << (j + 1)), one = 1 << j;
                double expected = (scores[before] - scores[before | one] + scores[after] - scores[after | one]) / 2;
                foreach (int feature in columns[j])
                {
                    double here = j != 1 || feature == shown[i] ? expected : 0;
                    Assert.Equal(here, found[i][feature], 2e-3 * Math.Max(1, scores.Max(Math.Abs)));
                    Assert.Equal(here, graph[i * names.Length + feature], 2e-3 * Math.Max(1, scores.Max(Math.Abs)));
                }
            }
        }

        float[] Replaced(float[] row, int set)
            => [.. row.Select((value, feature) => (set >> Array.FindIndex(columns, column => column.Contains(feature)) & 1) == 1
                ? typical[feature] : value)];
    }

    private static byte[] Written(RealNvpTransformer transformer)
    {
        string path = Path.GetTempFileName();
        try
        {
            transformer.ExportDensity(path);
            return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
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
