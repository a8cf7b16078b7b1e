using Microsoft.ML;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What thousands of columns take is told, or refused, before anything is taken.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class WideTableTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _warnings = [];

    public WideTableTests() => _ml.Log += (_, e) => _warnings.Add(e.RawMessage);

    [Theory]
    [InlineData(FeatureMixing.Rotation, 5000, true), InlineData(FeatureMixing.Rotation, 500, false)]
    [InlineData(FeatureMixing.Permutation, 5000, false)]
    public void What_a_wide_table_takes_is_told_before_it_is_taken(FeatureMixing mixing, int features, bool told)
    {
        // training stops at the first row; what is told before is what counts
        var options = new RealNvpTrainer.Options { Table = new() { Mixing = mixing }, CancellationToken = new(canceled: true) };
        Assert.ThrowsAny<OperationCanceledException>(() => _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Rows(features)));
        Assert.Equal(told, _warnings.Any(message => message.Contains("has 5000 values: the trained flow takes 8", StringComparison.Ordinal)
            && message.Contains("Table.Mixing = Permutation", StringComparison.Ordinal)));
    }

    [Fact]
    public void Learned_linear_maps_of_thousands_of_columns_are_refused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(()
            => _ml.AnomalyDetection.Trainers.RealNvp(RealNvpTrainer.Options.ForDensity()).Fit(Rows(5000)));
        Assert.Contains("5000 values, and Table.Mixing is Linear", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_steps_than_load_again_are_refused()
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(()
            => _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Members = 500 }));
        Assert.Contains("at most 2048 in all", error.Message, StringComparison.Ordinal);
    }

    private IDataView Rows(int features) => Tables.Load(_ml, Tables.Gaussian(10, features, 1));
}
