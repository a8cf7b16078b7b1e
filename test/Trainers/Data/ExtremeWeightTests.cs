using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Transforms;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Weights at the ends of float32, and rows where nothing holds them back.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class ExtremeWeightTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _warnings = [];

    public ExtremeWeightTests() => _ml.Log += (_, e) =>
    {
        if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
            _warnings.Add(e.Message);
    };

    [Theory]
    [InlineData(float.MaxValue, float.MaxValue, false)]
    [InlineData(float.Epsilon, float.Epsilon, false)]
    [InlineData(float.MaxValue, float.MaxValue / 4, false)]
    [InlineData(float.MaxValue, float.MaxValue, true)]
    [InlineData(float.Epsilon, float.Epsilon, true)]
    public void Only_the_ratios_of_weights_count(float even, float odd, bool streams)
    {
        float ratio = odd / even;
        Assert.Equal(Scores(i => i % 2 == 0 ? 1 : ratio, streams), Scores(i => i % 2 == 0 ? even : odd, streams),
            (expected, found) => Math.Abs(expected - found) <= 1e-2 * Math.Max(1, Math.Abs(expected)));
        Assert.DoesNotContain(_warnings, message => message.Contains("back to the best model", StringComparison.Ordinal));
    }

    [Theory, InlineData(float.MaxValue, float.Epsilon), InlineData(1e30f, 1)]
    public void Weights_of_nothing_beside_others_are_those_of_rows_that_do_not_count(float even, float odd)
        => Assert.All(Scores(i => i % 2 == 0 ? even : odd), score => Assert.True(float.IsFinite(score)));

    [Theory, InlineData(1e6f, true), InlineData(30, false)]
    public void A_few_rows_with_nearly_all_the_weight_are_told(float most, bool told)
    {
        Scores(i => i is 3 or 77 ? most : 1);
        Assert.Equal(told, _warnings.Any(message => message.Contains("By the weights of column 'Weight' 200 rows count as 2.0",
            StringComparison.Ordinal)));
    }

    [Fact]
    public void A_row_whose_gradient_float32_cannot_hold_is_refused_before_training()
    {
        float[][] rows = [.. Tables.Gaussian(100, 2, 1)];
        rows[7][1] = 1e30f;
        RealNvpTrainer Trainer(double bound) => _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Steps = 20, Table = new() { TailBound = bound }, ValidationFraction = 0, CalibrationFraction = 0,
        });
        string message = Assert.Throws<ArgumentException>(() => Trainer(0).Fit(Tables.Load(_ml, rows))).Message;
        Assert.Contains("A training row has 1E+30 in value 1 of column 'Features'", message, StringComparison.Ordinal);
        Assert.Contains("TailBound", message, StringComparison.Ordinal);
        using RealNvpTransformer held = Trainer(10).Fit(Tables.Load(_ml, rows));
        rows[7][1] = 9e5f;
        using RealNvpTransformer far = Trainer(0).Fit(Tables.Load(_ml, rows));
        Assert.All(far.Transform(Tables.Load(_ml, rows)).GetColumn<float>("Score"), score => Assert.True(float.IsFinite(score)));
    }

    private float[] Scores(Func<int, float> weight, bool streams = false)
    {
        WeightedRow[] rows = [.. Tables.Gaussian(200, 2, 1).Select((row, i) => new WeightedRow { Features = row, Weight = weight(i) })];
        IDataView data = _ml.Data.LoadFromEnumerable(rows);
        var options = new RealNvpTrainer.Options { ExampleWeightColumnName = "Weight", Steps = 60, Seed = 1 };
        if (streams)
            options.Memory = new() { ResidentLimit = 0, ShufflePool = 64 };
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
        return [.. model.Transform(data).GetColumn<float>("Score")];
    }

    private sealed class WeightedRow
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];

        public float Weight { get; set; }
    }
}
