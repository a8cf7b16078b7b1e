using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Rows whose vector is not as long as their column says, in every pass that reads them.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class VectorLengthTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(0, "null or an empty vector")]
    [InlineData(1, "a vector of 1 values")]
    [InlineData(3, "a vector of 3 values")]
    public void Training_refuses_a_row_of_another_length_in_every_slice_and_pass(int length, string found)
    {
        IDataView right = Rows(100, 2), wrong = Rows(100, length);
        RealNvpTrainer.Options Options() => new() { Steps = 3 };
        Refused(() => _ml.AnomalyDetection.Trainers.RealNvp(Options()).Fit(wrong), found);
        Refused(() => _ml.AnomalyDetection.Trainers.RealNvp(Options()).Fit(right, wrong), found);
        RealNvpTrainer.Options calibrated = Options(), streamed = Options();
        calibrated.Calibration = wrong;
        streamed.Memory = new() { ResidentLimit = 0 };
        Refused(() => _ml.AnomalyDetection.Trainers.RealNvp(calibrated).Fit(right), found);
        Refused(() => _ml.AnomalyDetection.Trainers.RealNvp(streamed).Fit(wrong), found);
    }

    [Fact]
    public void A_custom_mapping_that_fills_too_little_is_refused()
    {
        IDataView data = _ml.Transforms.CustomMapping<Reading,
            Mapped>((from, to) => to.Mapped2 = from.Features![..1], null).Fit(Rows(100, 2)).Transform(Rows(100, 2));
        var error = Assert.ThrowsAny<ArgumentException>(() => _ml.AnomalyDetection.Trainers.RealNvp("Mapped2").Fit(data));
        Assert.Contains("Row 0 of column 'Mapped2'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scoring_names_the_row_too()
    {
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 3 }).Fit(Rows(100, 2));
        var error = Assert.Throws<InvalidOperationException>(() => model.Transform(Rows(100, 0)).GetColumn<float>("Score").Count());
        Assert.Contains("Row 57 of column 'Features'", error.Message, StringComparison.Ordinal);
        Assert.Contains("null or an empty vector, expected 2 values", error.Message, StringComparison.Ordinal);
    }

    private static void Refused(Action fit, string found)
    {
        string message = Assert.ThrowsAny<ArgumentException>(fit).Message;
        Assert.Contains("Row 57 of column 'Features'", message, StringComparison.Ordinal);
        Assert.Contains($"gave {found}, expected 2 values", message, StringComparison.Ordinal);
    }

    /// <summary>Rows of two values, except for row 57: null where its length is 0.</summary>
    private IDataView Rows(int count, int length)
    {
        var random = new Random(1);
        return _ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i => new Reading
        {
            Features = i != 57 ? [random.NextSingle(), random.NextSingle()] : length == 0 ? null : new float[length],
        }).ToArray());
    }

    private sealed class Reading
    {
        [VectorType(2)]
        public float[]? Features { get; set; }
    }

    private sealed class Mapped
    {
        [VectorType(2)]
        public float[]? Mapped2 { get; set; }
    }
}
