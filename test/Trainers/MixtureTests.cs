using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Several flows as one model.</summary>
public sealed class MixtureTests : IDisposable
{
    private const int Members = 3;

    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;
    private readonly RealNvpTransformer _mixture;

    public MixtureTests()
    {
        _data = Tables.Load(_ml, Tables.Gaussian(300, 4, 1));
        _mixture = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Members = Members, Epochs = 5 }).Fit(_data);
    }

    public void Dispose() => _mixture.Dispose();

    [Fact]
    public void The_likelihood_is_the_mean_density_of_the_members()
    {
        float[][] members = [.. _mixture.Model.Members.Select(steps =>
        {
            using RealNvpTransformer single = _ml.Transforms.ApplyRealNvp(new FlowModel(_mixture.Model.InputShape, steps)).Fit(_data);
            return single.Transform(_data).GetColumn<float>("LogLikelihood").ToArray();
        })];
        Assert.NotEqual(members[0], members[1]);
        float[] mixture = [.. _mixture.Transform(_data).GetColumn<float>("LogLikelihood")];
        for (int i = 0; i < mixture.Length; i++)
            Assert.Equal(Math.Log(members.Average(member => Math.Exp(member[i]))), mixture[i], 1e-3);
    }

    [Fact]
    public void There_is_no_latent_and_the_schema_is_what_the_estimator_promised()
    {
        SchemaShape promised = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Members = Members })
            .GetOutputSchema(MlNetInternals.ShapeOf(_data.Schema));
        DataViewSchema schema = _mixture.GetOutputSchema(_data.Schema);
        Assert.Equal(promised.Select(column => column.Name), schema.Select(column => column.Name));
        Assert.DoesNotContain(schema, column => column.Name == "Latent");
        Assert.Contains("mixture of 3 flows", Assert.Throws<InvalidOperationException>(() => _mixture.CreateSampler()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_come_from_all_members_alike()
    {
        // members that differ by their mean alone: a sample tells which one it is from
        IEnumerable<FlowStep> Shifted(float mean) => [new Standardization([mean], [1])];
        var model = new FlowModel(FlowShape.Vector(1), [Shifted(-50), Shifted(0), Shifted(50)]);
        float[] samples = [.. _ml.Data.SampleRealNvp(model, 30_000, seed: 3).GetColumn<float[]>("Features").Select(row => row[0])];
        foreach (float mean in new[] { -50f, 0, 50 })
        {
            float[] near = [.. samples.Where(value => Math.Abs(value - mean) < 20)];
            Assert.InRange(near.Length, 10_000 - 400, 10_000 + 400);
            Assert.Equal(mean, near.Average(), 0.05);
            Assert.Equal(1, near.Average(value => (value - mean) * (value - mean)), 0.05);
        }
    }

    [Fact]
    public void A_saved_mixture_scores_and_samples_as_before_and_exports()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string path = Path.Combine(folder, "model.zip");
            _ml.Model.Save(_mixture, _data.Schema, path);
            using RealNvpTransformer loaded = new MLContext().Model.Load(path, out _).FindRealNvp();
            Assert.Equal(_mixture.Transform(_data).GetColumn<float>("Score"), loaded.Transform(_data).GetColumn<float>("Score"));
            Assert.Equal(_mixture.Sample(100).GetColumn<float[]>("Features"), loaded.Sample(100).GetColumn<float[]>("Features"));
            loaded.ExportDensity(Path.Combine(folder, "density.onnx"));
            loaded.ExportSampler(Path.Combine(folder, "sampler.onnx"));
            using var sampler = new InferenceSession(Path.Combine(folder, "sampler.onnx"));
            Assert.Contains("Member", sampler.InputNames);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
