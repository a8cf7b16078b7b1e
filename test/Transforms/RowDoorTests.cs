using System.ComponentModel.DataAnnotations;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Tests.Measuring;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Flows without views: what arrays give is what views give.</summary>
public sealed class RowDoorTests(RowDoorTests.Trained trained) : IClassFixture<RowDoorTests.Trained>
{
    private RealNvpTransformer Flow => trained.Model.LastTransformer;

    [Fact]
    public void Arrays_score_as_views_do()
    {
        IDataView scored = trained.Model.Transform(trained.Rows);
        float[][] rows = [.. scored.GetColumn<float[]>("Features")];
        Assert.Equal(scored.GetColumn<float>("LogLikelihood"), Flow.LogLikelihoods(rows));
        Assert.Equal(scored.GetColumn<float>("PValue"), Flow.PValues(rows));
        Assert.Empty(Flow.LogLikelihoods([]));
        Assert.True(float.IsNaN(Flow.LogLikelihoods([[float.NaN, .. rows[0][1..]]])[0]));
    }

    [Fact]
    public void Columns_of_other_names_are_found()
    {
        var ml = new MLContext();
        FlowModel model = Flows.Random(features: 3);
        float[][] rows = Flows.Rows(model, 5, seed: 1);
        IDataView view = ml.Transforms.CopyColumns("Values", "Features").Fit(Tables.Load(ml, rows)).Transform(Tables.Load(ml, rows));
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(model, "Values").Fit(view);
        Tolerance.LogLikelihoods([.. rows.Select(row => Flows.Evaluate(model, row).LogLikelihood)], flow.LogLikelihoods(rows), 3);
    }

    [Fact]
    public void Wrong_rows_are_refused_with_their_number()
    {
        float[] row = new float[6];
        Assert.Contains("Row 1", Assert.Throws<InvalidOperationException>(() => Flow.LogLikelihoods([row, row[1..]])).Message,
            StringComparison.Ordinal);
        Assert.Contains("Row 0", Assert.Throws<InvalidOperationException>(() => Flow.LogLikelihoods([null!])).Message,
            StringComparison.Ordinal);
        Assert.Contains("no condition", Assert.Throws<ArgumentException>(() => Flow.LogLikelihoods([row], [row])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Sampled_arrays_are_those_of_the_view()
        => Assert.Equal(Flow.Sample(50, seed: 3, temperature: 0.5f).GetColumn<float[]>("Features"), Flow.SampleRows(50, 3, 0.5f));

    [Fact]
    public void Sampled_objects_hold_the_features_by_name()
    {
        float[][] rows = Flow.SampleRows(500, seed: 4);
        Item[] items = [.. Flow.SampleRows<Item>(500, seed: 4)];
        Assert.Equal(rows.Select(row => Math.Clamp(row[0], 0, 100)), items.Select(item => item.Weight));
        Assert.Equal(rows.Select(row => (int)Math.Clamp(Math.Round((double)row[1]), 0, 4)), items.Select(item => item.Parts));
        Assert.Contains(rows, row => row[1] > 4.5f); // though the range allows it, no training row has 5
        string[] colours = ["red", "green", "blue"]; // the order of their first rows
        Assert.Equal(rows.Select(row => colours[Array.IndexOf(row, row[2..5].Max(), 2, 3) - 2]), items.Select(item => item.Colour));
        Assert.Equal(rows.Select(row => row[5] > 0.5f), items.Select(item => item.IsNew));
        Assert.Contains(rows, row => row[0] < 0); // what the range is for
        Assert.All(items, item => Assert.Equal("as the constructor says", item.Remark));
        // one in two is red, as in training
        Assert.InRange(items.Count(item => item.Colour == "red"), 180, 320);
    }

    [Fact]
    public void A_class_without_a_place_for_a_feature_is_refused()
    {
        Assert.Contains("'Parts'", Assert.Throws<ArgumentException>(() => Flow.SampleRows<Small>(1)).Message, StringComparison.Ordinal);
        Assert.Contains("Colour", Assert.Throws<ArgumentException>(() => Flow.SampleRows<Wrong>(1)).Message, StringComparison.Ordinal);
        using RealNvpTransformer unnamed = trained.Context.Transforms.ApplyRealNvp(Flows.Random(3))
            .Fit(trained.Context.Data.LoadFromEnumerable(new[] { new ThreeFeatures() }));
        Assert.Contains("no names", Assert.Throws<InvalidOperationException>(() => unnamed.SampleRows<Item>(1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluate_is_the_mean_and_its_standard_error()
    {
        IDataView features = trained.Model.Transform(trained.Rows);
        double[] each = [.. features.GetColumn<float>("LogLikelihood").Select(value => (double)value)];
        LogLikelihoodEstimate found = Flow.Evaluate(features);
        double mean = each.Average(), variance = each.Sum(value => (value - mean) * (value - mean)) / (each.Length - 1);
        Assert.Equal(mean, found.Mean, 9);
        Assert.Equal(Math.Sqrt(variance / each.Length), found.StandardError, 9);
        Assert.Equal(each.Length, found.Rows);
        Assert.Equal(found, LogLikelihoodEstimate.Of(features.GetColumn<float>("LogLikelihood")));
        Assert.Throws<ArgumentException>(() => LogLikelihoodEstimate.Of([1, float.NaN]));
        IDataView none = trained.Context.Data.SkipRows(features, 600);
        Assert.Contains("no row", Assert.Throws<ArgumentException>(() => Flow.Evaluate(none)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Conditions_come_beside_the_rows()
    {
        using RealNvpTransformer flow = Conditional.Fit(trained.Context,
            [.. Enumerable.Range(0, 300).Select(i => new ConditionalRow { Features = [i % 7, i % 5], Condition = [i % 3] })], steps: 20);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 40).Select(i => new ConditionalRow { Features = [i % 7, 1], Condition = [i % 3] })];
        Assert.Equal(Conditional.LogLikelihoods(trained.Context, flow, rows),
            flow.LogLikelihoods([.. rows.Select(row => row.Features)], [.. rows.Select(row => row.Condition)]));
        Assert.Contains("1 values", Assert.Throws<ArgumentException>(() => flow.LogLikelihoods([[1, 2]])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => flow.LogLikelihoods([[1, 2]], [[1], [2]]));
    }

    public sealed class Trained : IDisposable
    {
        public Trained()
        {
            var random = new Random(1);
            Rows = Context.Data.LoadFromEnumerable(Enumerable.Range(0, 600).Select(i => new Item
            {
                Weight = (float)(3 * random.NextDouble() * random.NextDouble()),
                Parts = i % 5,
                Colour = i % 2 == 0 ? "red" : i % 4 == 1 ? "green" : "blue",
                IsNew = i % 3 == 0,
            }).ToArray());
            Model = Context.Transforms.Categorical.OneHotEncoding("Colour")
                .Append(Context.Transforms.Conversion.ConvertType([new("Parts"), new("IsNew")], DataKind.Single))
                .Append(Context.Transforms.Concatenate("Features", "Weight", "Parts", "Colour", "IsNew"))
                .Append(Context.AnomalyDetection.Trainers.RealNvp(new() { Steps = 300 }))
                .Fit(Rows);
        }

        public MLContext Context { get; } = new(seed: 1);

        public IDataView Rows { get; }

        public TransformerChain<RealNvpTransformer> Model { get; }

        public void Dispose() => Model.Dispose();
    }

    private sealed class Item
    {
        [Range(0, 100)]
        public float Weight { get; set; }

        [Range(0, 5)]
        public int Parts { get; set; }

        [ColumnName("Colour")]
        public string Colour { get; set; } = "";

        public bool IsNew { get; set; }

        [NoColumn]
        public string Remark { get; set; } = "as the constructor says";
    }

    private sealed class ThreeFeatures
    {
        [VectorType(3)]
        public float[] Features { get; set; } = new float[3];
    }

    private sealed class Small
    {
        public float Weight { get; set; }
    }

    private sealed class Wrong
    {
        public float Weight { get; set; }

        public int Parts { get; set; }

        public int Colour { get; set; }

        public bool IsNew { get; set; }
    }
}
