using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What a run says of rows in several slices.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class CopiedRowsTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _warnings = [];

    public CopiedRowsTests() => _ml.Log += (_, e) => _warnings.Add(e.RawMessage);

    [Theory]
    [InlineData(1000, 3, 100L << 20, true)]
    [InlineData(150, 20, 100L << 20, true)]
    [InlineData(50, 40, 0L, true)]
    [InlineData(1000, 1, 100L << 20, false)]
    public void Slices_that_share_measured_rows_are_told(int devices, int copies, long residentLimit, bool told)
    {
        var random = new Random(1);
        IEnumerable<float[]> rows = [.. Enumerable.Range(0, devices)
            .Select(_ => new[] { (float)Tables.Normal(random), random.Next(3), (float)Tables.Normal(random) })
            .SelectMany(row => Enumerable.Repeat(row, copies))];
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 3,
            Memory = new() { ResidentLimit = residentLimit } }).Fit(Tables.Load(_ml, rows));
        Assert.Equal(told, _warnings.Any(IsOfCopies));
        if (told)
            Assert.Contains(_warnings, message => message.Contains("Validation and Calibration", StringComparison.Ordinal)
                && message.Contains(" % of the held-out rows", StringComparison.Ordinal));
    }

    [Fact]
    public void Categories_and_whole_numbers_repeat_by_nature()
    {
        var random = new Random(1);
        IEnumerable<float[]> rows = [.. Enumerable.Range(0, 3000)
            .Select(_ => new[] { random.Next(2), random.Next(30) * 0.25f, (float)(random.Next(2) * 5) })];
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 3 })
            .Fit(Tables.Load(_ml, rows));
        Assert.DoesNotContain(_warnings, IsOfCopies);
    }

    private static bool IsOfCopies(string message) => message.Contains("are copies of training rows", StringComparison.Ordinal);
}
