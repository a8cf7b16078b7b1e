using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Measuring;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// A category that is all of the feature column: ML.NET then names its values without the column's name, "red" and not "Colour.red".
/// Drawn and explained it is one category all the same.
/// </summary>
public sealed class LoneCategoryTests
{
    private static readonly string[] s_colours = ["red", "green", "blue", "red.dark"];

    private readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string, string> Pipelines => new()
    {
        { "concatenated", "Colour" },
        { "concatenated and normalised", "Colour" },
        { "under another name", "Encoded" },
        { "straight into the features", "Features" },
        { "beside another of these categories", "Features" },
    };

    [Theory, MemberData(nameof(Pipelines))]
    public void It_is_drawn_as_text_and_explained_as_one(string pipeline, string name)
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 300).Select(i => new Item { Colour = s_colours[i % 7 % 4] }));
        EstimatorChain<RealNvpTransformer> trainer = Before(pipeline).Append(_ml.AnomalyDetection.Trainers.RealNvp(new()
        {
            Table = new() { Couplings = 2, HiddenUnits = 8 }, Steps = 10, Columns = new() { Contributions = "Contributions" },
        }));
        using TransformerChain<RealNvpTransformer> model = trainer.Fit(rows);
        RealNvpTransformer flow = model.LastTransformer;
        Assert.Equal(s_colours.Select(colour => $"{name}.{colour}"), flow.Model.Metadata.FeatureNames);
        Assert.Equal("Colour", Assert.Single(model.FindFeatureGroups(rows.Schema)).Name);

        float[][] drawn = flow.SampleRows(100, seed: 2);
        Assert.Equal(drawn.Select(row => s_colours[Array.IndexOf(row, row.Max())]),
            flow.SampleRows<Item>(100, seed: 2).Select(item => item.Colour));

        // beside the most frequent, red: all of a row's nats at its category, and none for red
        IDataView scored = model.Transform(rows);
        float[] scores = [.. scored.GetColumn<float>("Score")];
        float[][] contributions = [.. scored.GetColumn<float[]>("Contributions")];
        float[] graph = GraphResults.Of(Written(flow), "Features", [.. scored.GetColumn<float[]>("Features")])["Contributions"];
        for (int i = 0; i < 7; i++)
        {
            int colour = i % 7 % 4;
            float[] expected = [.. s_colours.Select((_, j) => j == colour ? scores[i] - scores[0] : 0)];
            for (int j = 0; j < expected.Length; j++)
            {
                Assert.Equal(expected[j], contributions[i][j], 1e-3);
                Assert.Equal(expected[j], graph[i * expected.Length + j], 1e-3);
            }
        }
        Assert.Contains(scores, score => Math.Abs(score - scores[0]) > 0.01);
    }

    /// <summary>Two texts, and neither of the vector's name: which one it is would be guessed.</summary>
    [Fact]
    public void Where_no_text_is_known_to_be_it_the_error_says_how_one_is_named()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 200).Select(i => new Item { Colour = s_colours[i % 7 % 4] }));
        using TransformerChain<RealNvpTransformer> model = Before("straight into the features").Append(
            _ml.AnomalyDetection.Trainers.RealNvp(new() { Table = new() { Couplings = 2, HiddenUnits = 8 }, Steps = 5 })).Fit(rows);
        string message = Assert.Throws<ArgumentException>(() => model.LastTransformer.SampleRows<TwoTexts>(1)).Message;
        Assert.Contains("'Features.red'", message, StringComparison.Ordinal);
        Assert.Contains("ColumnName", message, StringComparison.Ordinal);
    }

    private IEstimator<ITransformer> Before(string pipeline)
    {
        IEstimator<ITransformer> OneHot(string output) => _ml.Transforms.Categorical.OneHotEncoding(output, "Colour");
        return pipeline switch
        {
            "concatenated" => OneHot("Colour").Append(_ml.Transforms.Concatenate("Features", "Colour")),
            "concatenated and normalised" => OneHot("Colour").Append(_ml.Transforms.Concatenate("Features", "Colour"))
                .Append(_ml.Transforms.NormalizeMinMax("Features")),
            "under another name" => OneHot("Encoded").Append(_ml.Transforms.Concatenate("Features", "Encoded")),
            "straight into the features" => OneHot("Features"),
            "beside another of these categories" => OneHot("Colour").Append(_ml.Transforms.CopyColumns("Other", "Colour"))
                .Append(_ml.Transforms.Concatenate("Features", "Colour")),
            _ => throw new ArgumentException(pipeline),
        };
    }

    private static byte[] Written(RealNvpTransformer flow)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("density.onnx");
        flow.ExportDensity(path);
        return File.ReadAllBytes(path);
    }

    private sealed class Item
    {
        public string Colour { get; set; } = "";
    }

    private sealed class TwoTexts
    {
        public string Colour { get; set; } = "";

        public string Remark { get; set; } = "";
    }
}
