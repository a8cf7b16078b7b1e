using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Whether the false-alarm rate on fresh normal rows is what was asked for.</summary>
public sealed class CalibrationRateTests
{
    private const int Seeds = 40;
    private const double Contamination = 0.1;

    [Fact]
    public void The_share_of_fresh_normal_rows_that_is_flagged_is_the_contamination()
    {
        var ml = new MLContext(seed: 1);
        var flagged = new List<double>();
        var atypical = new List<double>();
        for (int seed = 0; seed < Seeds; seed++)
        {
            IDataView train = Tables.Load(ml, Tables.Gaussian(400, 3, seed)), fresh = Tables.Load(ml, Tables.Gaussian(500, 3, 1000 + seed));
            var options = new RealNvpTrainer.Options { Table = new() { Couplings = 2, HiddenUnits = 8 }, Epochs = 3,
                CalibrationFraction = 0.25, Contamination = Contamination, Seed = seed };
            using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(train);
            IDataView scored = model.Transform(fresh);
            flagged.Add(scored.GetColumn<bool>("PredictedLabel").Average(label => label ? 1.0 : 0));
            atypical.Add(scored.GetColumn<float>("TypicalityPValue").Average(value => value <= Contamination ? 1.0 : 0));
        }
        // floor(0.1 * 101) of 101 places; one seed's rate has the variance c (1 - c) (1 / 100 + 1 / 500)
        double expected = 10.0 / 101, error = Math.Sqrt(Contamination * (1 - Contamination) * (1.0 / 100 + 1.0 / 500) / Seeds);
        Assert.InRange(flagged.Average(), expected - 4 * error, expected + 4 * error);
        Assert.InRange(atypical.Average(), expected - 4 * error, expected + 4 * error);
    }
}
