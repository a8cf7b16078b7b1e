using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// Columns whose spread is a small part of their magnitude are no sharp densities: float32 follows them, and no warning says otherwise.
/// </summary>
[Trait("Area", "DataAsItIs")]
public sealed class FalseAlarmTests
{
    [Theory]
    [InlineData(101325, 30)]
    [InlineData(5000, 1)]
    [InlineData(48.8566, 0.001)]
    [InlineData(-2015, 0.5)]
    [InlineData(1e8, 1000)]
    public void No_sharpness_is_claimed_where_only_the_mean_is_large(double offset, double spread)
    {
        var ml = new MLContext(seed: 1);
        var warnings = new List<string>();
        ml.Log += (_, e) => warnings.Add(e.RawMessage);
        var random = new Random(1);
        IEnumerable<float[]> rows = [.. Enumerable.Range(0, 400).Select(_ =>
        {
            double a = Tables.Normal(random);
            return new[] { (float)(offset + spread * a), (float)(a + 0.3 * Tables.Normal(random)), (float)Tables.Normal(random) };
        })];
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 60, Members = 2 })
            .Fit(Tables.Load(ml, rows));
        Assert.DoesNotContain(warnings, message => message.Contains("so sharp", StringComparison.Ordinal));
        float[] found = [.. model.Transform(Tables.Load(ml, model.Model.Probes.Rows.Chunk(3))).GetColumn<float>("LogLikelihood")];
        Assert.All(found, (value, i) => Assert.Equal(model.Model.Probes.LogLikelihoods[i], value, 1e-4));
    }
}
