using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Pretrained;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Pretrained;

/// <summary>Nets of a user's own, in pipelines, in saved ones and in one graph with a flow.</summary>
public sealed class BackboneTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_net_of_an_old_opset_and_a_batch_of_one_gives_its_maps_and_vectors_in_batches(bool isScaled)
    {
        PixelScaling scaling = isScaled ? PixelScaling.ImageNet with { IsBgr = true } : PixelScaling.Levels with { Scale = 0.01f };
        Backbone backbone = Tiny(scaling);
        Assert.Equal(("x", TinyNet.Side, TinyNet.Side, "vector"), (backbone.Input, backbone.Height, backbone.Width, backbone.Pooled));
        IDataView pictures = Pictures.Load(_ml, 7, TinyNet.Side, TinyNet.Side);
        using PretrainedFeaturesTransformer maps = _ml.Transforms.PretrainedFeatures("Features", maps: ["inner"], backbone: backbone)
            .Fit(pictures);
        using PretrainedFeaturesTransformer pooled = _ml.Transforms.PretrainedFeatures("Features", backbone: backbone, normalize: false,
            batchSize: 2).Fit(pictures);
        using PretrainedFeaturesTransformer small = _ml.Transforms.PretrainedFeatures("Features", maps: ["map"], grid: (2, 4),
            normalize: true, backbone: backbone).Fit(pictures);
        float[][] foundMaps = Features(maps, pictures), foundPooled = Features(pooled, pictures), foundSmall = Features(small, pictures);
        for (int i = 0; i < 7; i++)
        {
            double[] map = TinyNet.Map(Input(Pictures.Planar(i, TinyNet.Side, TinyNet.Side), scaling));
            Tolerance.Values(map, foundMaps[i]);
            Tolerance.Values([.. map.Chunk(16).Select(channel => channel.Average())], foundPooled[i]);
            double[] halves = [.. Enumerable.Range(0, 32).Select(j => (j / 8, j / 4 % 2, j % 4))
                .Select(at => (map[at.Item1 * 16 + at.Item2 * 8 + at.Item3] + map[at.Item1 * 16 + at.Item2 * 8 + 4 + at.Item3]) / 2)];
            double[] lengths = [.. Enumerable.Range(0, 8)
                .Select(at => Math.Sqrt(Enumerable.Range(0, 4).Sum(k => halves[k * 8 + at] * halves[k * 8 + at])))];
            Tolerance.Values([.. halves.Select((value, j) => value / Math.Max(lengths[j % 8], 1e-12))], foundSmall[i]);
        }
        Assert.True(foundMaps.SelectMany(map => map).Distinct().Count() > 50);
    }

    [Fact]
    public void A_saved_pipeline_finds_its_net_again_and_takes_no_other()
    {
        Backbone backbone = Tiny(PixelScaling.ImageNet);
        IDataView pictures = Pictures.Load(_ml, 3, 20, 30);
        string saved = _folder.File("saved.zip"), moved = Path.Combine(AppContext.BaseDirectory, "tiny-moved.onnx");
        float[][] expected;
        using (PretrainedFeaturesTransformer net = _ml.Transforms.PretrainedFeatures("Maps", maps: ["inner"], grid: (3, 3),
            crop: ImageCrop.Center, backbone: backbone).Fit(pictures))
        {
            expected = [.. net.Transform(pictures).GetColumn<float[]>("Maps")];
            _ml.Model.Save(net, pictures.Schema, saved);
        }
        Assert.Equal(expected, Loaded());
        File.Move(backbone.Path, moved);
        try
        {
            var error = Assert.Throws<FileNotFoundException>(() => Loaded());
            Assert.Contains(backbone.Path, error.Message, StringComparison.Ordinal);
            Assert.Contains("beside the application", error.Message, StringComparison.Ordinal);
            string beside = Path.Combine(AppContext.BaseDirectory, Path.GetFileName(backbone.Path));
            File.Move(moved, beside);
            moved = beside;
            Assert.Equal(expected, Loaded());
            TinyNet.Write(beside, limit: 0.8f);
            Assert.Contains("another net", Assert.Throws<InvalidDataException>(() => Loaded()).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(moved);
        }

        float[][] Loaded()
        {
            using var net = (IDisposable)_ml.Model.Load(saved, out _);
            return [.. ((ITransformer)net).Transform(pictures).GetColumn<float[]>("Maps")];
        }
    }

    [Fact]
    public void Net_and_flow_are_one_graph_from_pixels_to_score()
    {
        Backbone backbone = Tiny(PixelScaling.Levels with { Scale = 0.01f });
        IDataView pictures = Pictures.Load(_ml, 40, TinyNet.Side, TinyNet.Side);
        using var pipeline = _ml.Transforms.PretrainedFeatures(backbone: backbone).Append(_ml.AnomalyDetection.Trainers.RealNvp(
            new RealNvpTrainer.Options { Steps = 20, Threads = 1, Seed = 1, Contamination = 0.3 })).Fit(pictures);
        var net = (PretrainedFeaturesTransformer)pipeline.First();
        RealNvpTransformer flow = pipeline.LastTransformer;
        string path = _folder.File("pictures.onnx");
        net.ExportDensity(path, flow);

        IDataView scored = pipeline.Transform(pictures);
        double[] expected = [.. scored.GetColumn<float>("Score").Select(score => (double)score)];
        float[] pValues = [.. scored.GetColumn<float>("PValue")];
        using var session = new InferenceSession(path);
        Assert.Contains("Threshold", session.OverridableInitializerMetadata.Keys);
        Assert.Contains("realnvp.parity.pictures.score.max_error", session.ModelMetadata.CustomMetadataMap.Keys);
        foreach (int batch in new[] { 40, 1 })
        {
            float[] pixels = [.. Enumerable.Range(0, batch).SelectMany(i => Pictures.Planar(i, TinyNet.Side, TinyNet.Side))];
            using OrtValue input = OrtValue.CreateTensorValueFromMemory(pixels, [batch, pixels.Length / batch]);
            using var options = new RunOptions();
            using var results = session.Run(options, ["Pixels"], [input], ["Score", "PValue"]);
            Tolerance.LogLikelihoods(expected[..batch], results[0].GetTensorDataAsSpan<float>().ToArray(), TinyNet.Channels);
            Assert.Equal(pValues[..batch], results[1].GetTensorDataAsSpan<float>().ToArray(), (a, b) => Math.Abs(a - b) < 0.26);
        }
        Assert.True(expected.Distinct().Count() > 20);

        using RealNvpTransformer other = _ml.Transforms.ApplyRealNvp(flow.Model, "Others").Fit(
            _ml.Transforms.CopyColumns("Others", "Features").Fit(scored).Transform(scored));
        Assert.Contains("'Others'", Assert.Throws<ArgumentException>(() => net.ExportDensity(path, other)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The map too, computed by ONNX Runtime alone from pixels.</summary>
    [Theory]
    [InlineData(1), InlineData(2)]
    public void Net_and_flow_of_maps_are_one_graph_from_pixels_to_score_and_map(int members)
    {
        Backbone backbone = Tiny(PixelScaling.Levels with { Scale = 0.01f });
        IDataView pictures = Pictures.Load(_ml, 40, TinyNet.Side, TinyNet.Side);
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForMaps(new() { Couplings = 2, HiddenUnits = 4 });
        (options.Steps, options.Threads, options.Seed, options.Contamination, options.Members) = (20, 1, 1, 0.3, members);
        options.Columns = new()
        {
            ScoreMap = "Map", MapMaximum = "Maximum", MapMaximumPValue = "MaximumPValue", MapMaximumLabel = "MaximumLabel",
        };
        using var pipeline = _ml.Transforms.PretrainedFeatures(maps: ["inner"], backbone: backbone)
            .Append(_ml.AnomalyDetection.Trainers.RealNvp(options)).Fit(pictures);
        string path = _folder.File("maps.onnx");
        ((PretrainedFeaturesTransformer)pipeline.First()).ExportDensity(path, pipeline.LastTransformer);

        IDataView scored = pipeline.Transform(pictures);
        double[] scores = [.. scored.GetColumn<float>("Score").Select(score => (double)score)];
        float[][] maps = [.. scored.GetColumn<float[]>("Map")];
        float[] maxima = [.. scored.GetColumn<float>("Maximum")], pValues = [.. scored.GetColumn<float>("MaximumPValue")];
        bool[] labels = [.. scored.GetColumn<bool>("MaximumLabel")];
        using var session = new InferenceSession(path);
        Assert.Equal(["Pixels", "Threshold"], session.InputNames.Concat(session.OverridableInitializerMetadata.Keys).Distinct().Order());
        int size = maps[0].Length * TinyNet.Channels;
        foreach (int batch in new[] { 40, 1 })
        {
            float[] pixels = [.. Enumerable.Range(0, batch).SelectMany(i => Pictures.Planar(i, TinyNet.Side, TinyNet.Side))];
            using OrtValue input = OrtValue.CreateTensorValueFromMemory(pixels, [batch, pixels.Length / batch]);
            using var run = new RunOptions();
            using var results = session.Run(run, ["Pixels"], [input],
                ["Score", "ScoreMap", "MapMaximum", "MapMaximumPValue", "MapMaximumLabel"]);
            float[] Found(int output) => results[output].GetTensorDataAsSpan<float>().ToArray();
            Tolerance.LogLikelihoods(scores[..batch], Found(0), size);
            Tolerance.LogLikelihoods([.. maps.Take(batch).SelectMany(map => map).Select(value => (double)value)], Found(1), size);
            Tolerance.LogLikelihoods([.. maxima.Take(batch).Select(value => (double)value)], Found(2), size);
            Assert.Equal(pValues[..batch], Found(3), (a, b) => Math.Abs(a - b) < 0.26);
            Assert.True(labels.Take(batch).Zip(results[4].GetTensorDataAsSpan<bool>().ToArray(), (a, b) => a == b ? 0 : 1).Sum() <= 1);
        }
        Assert.All(maps.Zip(scores), picture => Assert.Equal(picture.Second, picture.First.Sum(value => (double)value), 1e-2));
        Assert.True(maps.SelectMany(map => map).Distinct().Count() > 100);
        Assert.Contains(true, labels);
    }

    [Fact]
    public void Wrong_input_is_told()
    {
        Backbone backbone = Tiny(PixelScaling.ImageNet);
        IDataView pictures = Pictures.Load(_ml, 2, 9, 9);
        Says<ArgumentException>("'layer9'", () => Fit(maps: ["layer9"]));
        Says<ArgumentException>("'map'", () => Fit(maps: ["layer9"])); // what there is
        Says<ArgumentException>("expected Single of [1, channels, height, width]", () => Fit(maps: ["vector"]));
        Says<ArgumentException>("No map is named", () => Fit(maps: []));
        Says<ArgumentException>("leave the grid out", () => Fit(grid: (3, 3)));
        Says<ArgumentException>("0 x 3", () => Fit(maps: ["inner"], grid: (0, 3)));
        Says<ArgumentOutOfRangeException>("Column 'Number' is Single. Expected: an image", () => _ml.Transforms.PretrainedFeatures(
            inputColumnName: "Number", backbone: backbone).Fit(pictures));
        Says<ArgumentOutOfRangeException>("Column 'Picture' is missing", () => _ml.Transforms.PretrainedFeatures(
            inputColumnName: "Picture", backbone: backbone).GetOutputSchema(MlNetInternals.ShapeOf(pictures.Schema)));
        Says<ArgumentException>("has no input 'y'; it has 'x'", () => Backbone.FromOnnx(backbone.Path, input: "y"));
        Says<ArgumentException>("reads pictures of height 8, and 9", () => Backbone.FromOnnx(backbone.Path, height: 9));
        Says<FileNotFoundException>("none.onnx", () => Backbone.FromOnnx(_folder.File("none.onnx")));
        string text = _folder.File("text.onnx");
        File.WriteAllText(text, "no graph");
        Says<InvalidDataException>("no ONNX file", () => Backbone.FromOnnx(text));
        Says<ArgumentException>("three finite numbers", () => Backbone.FromOnnx(backbone.Path, pixels: new PixelScaling { Mean = [1] }));

        using PretrainedFeaturesTransformer net = Fit();
        IDataView none = _ml.Data.LoadFromEnumerable([new Pictures.Row()]);
        Says<InvalidDataException>("The image in row 0 is missing", () => net.Transform(none).GetColumn<float[]>("Features").ToArray());
        net.Dispose();
        Assert.Throws<ObjectDisposedException>(() => net.Transform(pictures));

        PretrainedFeaturesTransformer Fit(string[]? maps = null, (int, int)? grid = null)
            => _ml.Transforms.PretrainedFeatures(maps: maps, grid: grid, backbone: backbone).Fit(pictures);

        static void Says<T>(string words, Action action) where T : Exception
            => Assert.Contains(words, Assert.Throws<T>(action).Message, StringComparison.Ordinal);
    }

    private Backbone Tiny(PixelScaling pixels)
        => Backbone.FromOnnx(TinyNet.Write(_folder.File("tiny.onnx")), maps: new() { ["inner"] = "map" }, pixels: pixels);

    private static float[][] Features(ITransformer net, IDataView pictures) => [.. net.Transform(pictures).GetColumn<float[]>("Features")];

    private static double[] Input(float[] planar, PixelScaling scaling) => [.. Enumerable.Range(0, planar.Length).Select(i =>
    {
        int size = planar.Length / 3, channel = scaling.IsBgr ? 2 - i / size : i / size;
        return ((double)planar[channel * size + i % size] * scaling.Scale - scaling.Mean[channel]) / scaling.StandardDeviation[channel];
    })];
}
