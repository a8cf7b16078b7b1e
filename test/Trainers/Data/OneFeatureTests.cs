using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>A flow over one feature: two modes, an exact density, samples, graphs.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class OneFeatureTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory, InlineData(1), InlineData(2)]
    public void What_lies_between_two_modes_is_odd(int members)
    {
        // a machine that is off, at 20 degrees, or on, at 80
        var random = new Random(1);
        float[][] rows = [.. Enumerable.Range(0, 2000).Select(i => new[] { (float)(20 + 60 * (i % 2) + Tables.Normal(random)) })];
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Members = members })
            .Fit(Tables.Load(_ml, rows));
        float[][] asked = [[20], [50], [80], [30], [-20], [120]];
        IDataView scored = model.Transform(Tables.Load(_ml, asked));
        float[] scores = [.. scored.GetColumn<float>("Score")];
        bool[] flagged = [.. scored.GetColumn<bool>("PredictedLabel")];
        Assert.Equal([false, true, false, true, true, true], flagged);
        Assert.All(new[] { 1, 3, 4, 5 }, odd => Assert.All(new[] { 0, 2 }, usual => Assert.True(scores[odd] > scores[usual] + 3)));
        Assert.InRange(scores[0], 1.6, 2.4); // -log(1 / (2 sqrt(2 pi))) = 1.6, and 2.2 with noise of 0.05 x 30 degrees in training

        // nowhere in the hole is a value likely, at no knot of the spline either
        float[][] between = [.. Enumerable.Range(0, 2001).Select(i => new[] { 30 + 0.02f * i })];
        Assert.All(model.Transform(Tables.Load(_ml, between)).GetColumn<float>("Score"), score => Assert.True(score > scores[0] + 5));

        // the density integrates to one, and most of the samples lie in the modes
        const float Step = 0.02f;
        float[][] grid = [.. Enumerable.Range(0, 20_000).Select(i => new[] { -150 + i * Step })];
        double total = model.Transform(Tables.Load(_ml, grid)).GetColumn<float>("LogLikelihood").Sum(value => Step * Math.Exp(value));
        Assert.Equal(1, total, 0.002);
        float[] drawn = [.. model.Sample(4000, seed: 1).GetColumn<float[]>("Features").Select(row => row[0])];
        Assert.InRange(drawn.Count(value => value is > 10 and < 30), 1800, 2200);
        Assert.InRange(drawn.Count(value => value is > 70 and < 90), 1800, 2200);
    }

    [Fact]
    public void A_normal_feature_stays_near_its_density()
    {
        float[][] rows = [.. Tables.Gaussian(1000, 1, 1)], fresh = [.. Tables.Gaussian(2000, 1, 2)];
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp().Fit(Tables.Load(_ml, rows));
        double mean = rows.Average(row => row[0]), deviation = Math.Sqrt(rows.Average(row => Math.Pow(row[0] - mean, 2)));
        double gaussian = fresh.Average(row => -0.5 * Math.Pow((row[0] - mean) / deviation, 2))
            - Math.Log(deviation * Math.Sqrt(2 * Math.PI));
        double found = model.Transform(Tables.Load(_ml, fresh)).GetColumn<float>("LogLikelihood").Average();
        Assert.InRange(found, gaussian - 0.05, gaussian + 0.05);
        Assert.NotEqual("NaN", model.Model.Metadata.Training["training_log_likelihood"]);
    }

    [Fact]
    public void It_is_saved_loaded_and_exported_as_it_is()
    {
        float[][] rows = [.. Enumerable.Range(0, 300).Select(i => new[] { i % 3 + 0.01f * (i % 7) })];
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 60 })
            .Fit(Tables.Load(_ml, rows));
        using var file = new MemoryStream();
        model.Model.Save(file);
        file.Position = 0;
        IDataView data = Tables.Load(_ml, rows);
        using var loaded = (RealNvpTransformer)_ml.Transforms.ApplyRealNvp(Export.FlowModel.Load(file)).Fit(data);
        Assert.Equal(model.Transform(data).GetColumn<float>("Score"), loaded.Transform(data).GetColumn<float>("Score"));
        string path = Path.GetTempFileName();
        loaded.ExportDensity(path); // and the parity of both graphs
        loaded.ExportSampler(path);
        File.Delete(path);
    }
}
