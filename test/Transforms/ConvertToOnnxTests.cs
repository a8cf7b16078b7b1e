using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>ML.NET's own conversion of a pipeline refuses flows, where it used to make their results inputs of the graph.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class ConvertToOnnxTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_chain_with_a_flow_is_refused_and_told_what_exports_it()
    {
        IDataView data = Tables.Load(_ml, Tables.Gaussian(100, 2, 1));
        var trainer = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 3 });
        IEstimator<ITransformer> normalised = _ml.Transforms.NormalizeMeanVariance("Features");
        using RealNvpTransformer alone = trainer.Fit(data);
        ITransformer[] models =
        [
            alone,
            normalised.Append(trainer).Fit(data),
            trainer.Append(_ml.Transforms.CopyColumns("Copy", "Score")).Fit(data),
            alone.CreateSampler("Latent", "Drawn"),
        ];
        foreach (ITransformer model in models)
        {
            IDataView input = ReferenceEquals(model, models[^1]) ? alone.Transform(data) : data;
            foreach (string[] outputs in new string[][] { [], ["Score"] })
            {
                using var stream = new MemoryStream();
                var error = Assert.Throws<InvalidOperationException>(() =>
                {
                    if (outputs.Length == 0) _ml.Model.ConvertToOnnx(model, input, stream);
                    else _ml.Model.ConvertToOnnx(model, input, stream, outputs);
                });
                Assert.Contains("ExportDensity", error.Message, StringComparison.Ordinal);
                Assert.Equal(0, stream.Length);
            }
        }
    }

    [Fact]
    public void The_view_is_otherwise_as_any()
    {
        IDataView data = Tables.Load(_ml, Tables.Gaussian(100, 2, 1));
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 3 }).Fit(data);
        IDataView scored = _ml.Data.Cache(_ml.Data.TakeRows(model.Transform(data), 50));
        Assert.Equal(50, scored.GetColumn<float>("Score").Count());
        Assert.Contains("'Nowhere'", Assert.ThrowsAny<ArgumentException>(()
            => model.Transform(data).GetColumn<float>("Nowhere").Count()).Message, StringComparison.Ordinal);
    }
}
