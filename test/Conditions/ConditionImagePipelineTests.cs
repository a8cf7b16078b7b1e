using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>
/// Image flows given a class, in ML.NET's pipelines: one of four pictures of 4 x 4, which the class says, each pixel moved by -1, 0 or 1
/// levels.
/// </summary>
public sealed class ConditionImagePipelineTests(ConditionImagePipelineTests.Trained trained)
    : IClassFixture<ConditionImagePipelineTests.Trained>
{
    private const int Classes = 4;

    private static readonly ImageFlowOptions s_image = new() { Shape = FlowShape.Image(1, 4, 4), Levels = 17, BaseWidth = 4, Blocks = 1 };

    private readonly MLContext _ml = trained.Ml;

    [Fact]
    public void A_picture_is_likely_given_its_class_and_not_given_another()
    {
        ConditionalRow[] rows = Pictures(200, 2);
        IDataView View(Func<ConditionalRow, float[]> condition) => Conditional.Load(_ml, rows.Select(row => new ConditionalRow
            { Features = row.Features, Condition = condition(row) }));
        double given = trained.Flow.BitsPerDimension(View(row => row.Condition)).Mean,
            another = trained.Flow.BitsPerDimension(View(row => [row.Condition[3], .. row.Condition[..3]])).Mean,
            unknown = trained.Flow.BitsPerDimension(View(_ => Unknown())).Mean;
        Assert.InRange(given, Math.Log2(3) - 0.01, 2.9); // the entropy is the floor
        Assert.True(another > given + 1, $"{another} given another class, {given} given its own");
        Assert.InRange(unknown, given, another); // 1/8 bit more at best
        Assert.InRange(trained.Flow.Transform(View(row => row.Condition)).GetColumn<float>("PValue").Count(value => value <= 0.1), 2, 50);
    }

    [Fact]
    public void Pictures_of_each_class_are_drawn_on_request()
    {
        IDataView classes = Conditional.Load(_ml, Enumerable.Range(0, Classes).Select(i => new ConditionalRow
            { Features = new float[1], Condition = OneHot(i) }));
        IDataView drawn = trained.Flow.Sample(classes, perRow: 25, seed: 3);
        float[][] rows = [.. drawn.GetColumn<float[]>("Features")], given = [.. drawn.GetColumn<float[]>("Condition")];
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 1, 4, 4), drawn.Schema["Features"].Type);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => OneHot(i / 25)), given);
        Assert.InRange(Enumerable.Range(0, 100).Count(i => Nearest(rows[i]) == i / 25), 95, 100);
        Assert.Equal(rows, drawn.GetColumn<float[]>("Features"));
        Assert.NotEqual(rows[..3], trained.Flow.Sample(classes, perRow: 25, seed: 4).GetColumn<float[]>("Features").Take(3));

        IDataView images = trained.Flow.SampleImages(classes, perRow: 25, seed: 3);
        byte[][] shades = [.. images.GetColumn<MLImage>("Image").Select(image => image.Pixels.ToArray())];
        Assert.Equal(given, images.GetColumn<float[]>("Condition"));
        Assert.Equal(rows.Select(row => row.Select(Shade)), shades.Select(pixels => pixels.Where((_, i) => i % 4 == 0)));
        using MLImage grid = trained.Flow.SampleGrid(classes, columns: 25, seed: 3, margin: 0);
        Assert.Equal((16, 100), (grid.Height, grid.Width));
        for (int i = 0; i < 100; i++)
            Assert.Equal(Shade(rows[i][0]), grid.Pixels[4 * (i / 25 * 4 * 100 + i % 25 * 4)]);

        // without a class: of p(features), which has all of them
        float[][] any = [.. trained.Flow.Sample(100, seed: 1).GetColumn<float[]>("Features")];
        Assert.Equal(Classes, any.Select(Nearest).Distinct().Count());
        using MLImage mixed = trained.Flow.SampleGrid(2, 3);
        using RealNvpTransformer large = trained.Flow.WithImageSize(6, 8);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 1, 6, 8), large.Sample(classes).Schema["Features"].Type);
        Assert.All(large.Sample(classes, 2).GetColumn<float[]>("Features"), row => Assert.True(row.All(float.IsFinite)));
    }

    [Fact]
    public void Manifolds_and_reconstructions_read_the_condition()
    {
        ConditionalRow[] rows = [.. Pictures(40, 5).DistinctBy(row => Array.IndexOf(row.Condition, 1))];
        IDataView data = Conditional.Load(_ml, rows);
        using MLImage pairs = trained.Flow.Reconstructions(data, count: 4, pairsPerRow: 4, margin: 0),
            manifold = trained.Flow.Manifold(data, side: 3, margin: 0);
        byte At(MLImage picture, int y, int x) => picture.Pixels[4 * (y * picture.Width + x)];
        for (int i = 0; i < Classes; i++)
        {
            for (int pixel = 0; pixel < 16; pixel++)
            {
                (int y, int x, byte shade) = (pixel / 4, pixel % 4, Shade(rows[i].Features[pixel]));
                Assert.Equal(shade, At(pairs, y, 8 * i + x));
                Assert.Equal(shade, At(pairs, y, 8 * i + 4 + x));
                Assert.Equal(shade, At(manifold, i / 2 * 8 + y, i % 2 * 8 + x)); // in the corners
            }
        }
        rows[1].Condition = [float.PositiveInfinity, 0, 0, 0];
        Assert.Contains("Row 1 of the condition column 'Condition' holds NaN or infinite values", Assert.Throws<ArgumentException>(
            () => trained.Flow.Reconstructions(Conditional.Load(_ml, rows), 4)).Message);
    }

    [Fact]
    public void Saved_flows_samplers_and_graphs_keep_the_condition()
    {
        ConditionalRow[] rows = Pictures(20, 6);
        rows[3].Condition = Unknown();
        IDataView data = Conditional.Load(_ml, rows), scored = trained.Flow.Transform(data);
        using RealNvpSampler sampler = trained.Flow.CreateSampler(outputColumnName: "Back");
        string path = Path.GetTempFileName();
        try
        {
            _ml.Model.Save(trained.Flow, data.Schema, path);
            using var loaded = (RealNvpTransformer)new MLContext().Model.Load(path, out _);
            Assert.Equal(scored.GetColumn<float>("Score"), loaded.Transform(data).GetColumn<float>("Score"));
            _ml.Model.Save(sampler, null, path);
            using var back = (RealNvpSampler)new MLContext().Model.Load(path, out _);
            float[][] found = [.. back.Transform(scored).GetColumn<float[]>("Back")];
            for (int i = 0; i < rows.Length; i++)
                Assert.All(rows[i].Features.Zip(found[i]), pair => Assert.Equal(pair.First, pair.Second, 0.05));
            trained.Flow.ExportDensity(path);
            using (var session = new InferenceSession(path))
                Assert.Equal("4", session.ModelMetadata.CustomMetadataMap["realnvp.condition.size"]);
            Assert.Contains(trained.Flow.Model.Probes.Conditions, float.IsNaN);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_run_goes_on_from_its_checkpoint_and_not_over_other_conditions(bool streamed)
    {
        using var folder = new TemporaryFolder();
        FlowModel Train(string? checkpoints, ConditionalRow[] rows, bool stops = false)
        {
            using RealNvpTransformer flow = Fit(_ml, rows, 12, options =>
            {
                options.Memory = new() { ResidentLimit = streamed ? 0 : 1 << 20, ShufflePool = 40 };
                options.Image = s_image with { BaseWidth = 2, HorizontalFlips = true };
                (options.Dropout, options.Members) = (0.1, streamed ? 1 : 2);
                if (checkpoints is null)
                    return;
                options.Checkpoints = new(checkpoints) { Interval = 4, Resume = true };
                options.OnCancellation = OnCancellation.ReturnBest;
                if (stops)
                    options.Progress = new Stop(options);
            });
            return flow.Model;
        }
        ConditionalRow[] rows = Pictures(80, 1);
        rows[7].Condition = Unknown();
        string expected = TrainingProcess.Hash(Train(null, rows));
        Train(folder.Root, rows, stops: true);
        Assert.Equal(expected, TrainingProcess.Hash(Train(folder.Root, rows)));
        rows[8].Condition = [.. rows[8].Condition.Reverse()];
        Assert.Contains("The checkpoint is of another run",
            Assert.Throws<InvalidOperationException>(() => Train(folder.Root, rows)).Message);
    }

    [Fact]
    public void What_is_wrong_with_conditions_of_pictures_is_told()
    {
        ConditionalRow[] rows = Pictures(40, 1);
        string Refused(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
        IDataView data = Conditional.Load(_ml, rows), shorter = Conditional.Load(_ml, rows.Select(row => new ConditionalRow
            { Features = row.Features, Condition = row.Condition[..3] }));
        Assert.Contains("Column 'Class' is missing; there are Features, Condition",
            Refused(() => Fit(_ml, rows, 2, options => options.ConditionColumnName = "Class")));
        Assert.Contains("Expected: Vector<Single, 4>", Refused(() => Fit(_ml, rows, 2, options => options.Validation = shorter)));
        Assert.Contains("'Condition' is Vector<Single, 3>, of 3 values. Expected: Vector<Single, 4>",
            Refused(() => trained.Flow.Transform(shorter)));
        Assert.Contains("'Condition' is missing",
            Refused(() => trained.Flow.Transform(Tables.Load(_ml, rows.Select(row => row.Features)))));
        Assert.Contains("Expected: Vector<Single, 4>", Refused(() => trained.Flow.SampleImages(shorter)));
        Assert.Contains("Expected: Vector<Single, 4>", Refused(() => trained.Flow.Manifold(shorter)));
        Assert.Throws<ArgumentOutOfRangeException>(() => trained.Flow.SampleImages(data, perRow: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => trained.Flow.SampleGrid(data, columns: 0));

        var log = new List<string>();
        void Log(object? sender, LoggingEventArgs e) => log.Add(e.RawMessage);
        _ml.Log += Log;
        foreach (ConditionalRow row in rows)
            row.Condition = [.. row.Condition, 7];
        rows[3].Condition = [.. Unknown(), 7]; // here as a row that is left out
        using RealNvpTransformer flow = Fit(_ml, rows, 2, options => options.ConditionDropout = 0);
        _ml.Log -= Log;
        Assert.Contains(log, line => line.Contains("tell nothing: value 4 of the condition 'Condition'", StringComparison.Ordinal));
        Assert.Equal("1", flow.Model.Metadata.Training["skipped_rows"]);
        Assert.Contains("SampleImages(conditions, perRow)", Assert.Throws<InvalidOperationException>(() => flow.SampleImages(2)).Message);
        Assert.Contains("SampleImages(conditions, perRow)", Assert.Throws<InvalidOperationException>(() => flow.SampleGrid(1, 1)).Message);
        using var plain = new RealNvpTransformer(_ml, ImageFlows.Random());
        Assert.Contains("SampleImages(count)", Assert.Throws<InvalidOperationException>(() => plain.SampleImages(data)).Message);
    }

    /// <summary>A flow whose condition may be unknown.</summary>
    public sealed class Trained : IDisposable
    {
        public MLContext Ml { get; } = new(seed: 1);

        public RealNvpTransformer Flow { get; }

        public Trained() => Flow = Fit(Ml, Pictures(400, 1), 400, options => options.Contamination = 0.1);

        public void Dispose() => Flow.Dispose();
    }

    private static RealNvpTransformer Fit(MLContext ml, ConditionalRow[] rows, long steps, Action<RealNvpTrainer.Options>? set = null)
        => Conditional.Fit(ml, rows, steps, options =>
        {
            (options.Image, options.LearningRate, options.Threads, options.ConditionDropout) = (s_image, 5e-3, 1, 0.2);
            set?.Invoke(options);
        });

    private static ConditionalRow[] Pictures(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            int kind = random.Next(Classes);
            return new ConditionalRow
            {
                Features = [.. Picture(kind).Select(level => (float)(level + random.Next(-1, 2)))],
                Condition = OneHot(kind),
            };
        })];
    }

    private static int[] Picture(int kind)
    {
        var random = new Random(100 + kind);
        return [.. Enumerable.Range(0, 16).Select(_ => random.Next(1, 16))];
    }

    /// <summary>The picture that pixels are most like.</summary>
    private static int Nearest(float[] pixels) => Enumerable.Range(0, Classes)
        .MinBy(kind => Picture(kind).Zip(pixels, (level, pixel) => Math.Pow(level - pixel, 2)).Sum());

    private static float[] OneHot(int kind) => [.. Enumerable.Range(0, Classes).Select(i => i == kind ? 1f : 0)];

    private static float[] Unknown() => [.. Enumerable.Repeat(float.NaN, Classes)];

    private static byte Shade(float value)
        => (byte)Math.Round(Math.Clamp(Math.Floor(value + 0.5), 0, 16) * 255 / 16, MidpointRounding.AwayFromZero);

    private sealed class Stop : IProgress<TrainingProgress>
    {
        private readonly CancellationTokenSource _source = new();

        public Stop(RealNvpTrainer.Options options) => options.CancellationToken = _source.Token;

        public void Report(TrainingProgress value)
        {
            if (value.Step is > 5 and < 12)
                _source.Cancel();
        }
    }
}
