using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Where scales and samples would leave float32.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class EndsOfFloatTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _warnings = [];

    public EndsOfFloatTests() => _ml.Log += (_, e) => _warnings.Add(e.RawMessage);

    [Theory, InlineData(1e-37, false), InlineData(1e-39, true), InlineData(1e-44, true)]
    public void A_spread_without_an_inverse_counts_as_constant_and_is_told(double spread, bool tooFine)
    {
        using RealNvpTransformer model = Fit((_, random) => spread * Tables.Normal(random));
        Assert.Equal(tooFine, _warnings.Any(message => message.Contains("count as "
            + "constant", StringComparison.Ordinal) && message.Contains("value 0", StringComparison.Ordinal)));
        Assert.All(model.Transform(Rows((_, random) => spread * Tables.Normal(random))).GetColumn<float>("Score"), score
            => Assert.True(float.IsFinite(score)));
    }

    [Theory, InlineData(0), InlineData(1e9), InlineData(1e12), InlineData(1e38)]
    public void Every_sample_is_finite_at_any_temperature(double code)
    {
        using RealNvpTransformer model = Fit((i, random) => i == 3 ? code : Tables.Normal(random));
        foreach (float temperature in new[] { 1f, 2f, 40f })
            Assert.All(model.Sample(5000, 1, temperature).GetColumn<float[]>("Features"), row => Assert.True(row.All(float.IsFinite)));
    }

    private RealNvpTransformer Fit(Func<int, Random, double> first)
        => _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 60 }).Fit(Rows(first));

    private IDataView Rows(Func<int, Random, double> first)
    {
        var random = new Random(1);
        return Tables.Load(_ml, [.. Enumerable.Range(0, 500)
            .Select(i => new[] { (float)first(i, random), (float)Tables.Normal(random), (float)Tables.Normal(random) })]);
    }
}
