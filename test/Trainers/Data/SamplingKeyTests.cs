using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Transforms;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Rows of one sampling key stand in one slice, and the rate of false alarms then holds for rows of new keys.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class SamplingKeyTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _warnings = [];

    public SamplingKeyTests() => _ml.Log += (_, e) => _warnings.Add(e.RawMessage);

    [Fact]
    public void All_rows_of_a_key_stand_in_one_slice_and_one_of_each_calibrates()
    {
        ulong[] keys = [.. Enumerable.Range(0, 600).Select(row => (ulong)(row * 7 % 60))];
        KeySlices slices = KeySlices.Draw([.. keys.Distinct()], 0.1, 12, 0.2, 0.05, seed: 4);
        RowSplit split = RowSplit.By(slices, keys, seed: 4);
        HashSet<ulong> training = Keys(split.Training), validation = Keys(split.Validation), calibration = Keys(split.Calibration);
        // a dozen keys validate, as of rows; 15 that calibrate, a quarter, would do for 5 %
        Assert.Equal((36, 12, 12), (training.Count, validation.Count, calibration.Count));
        Assert.Empty(training.Intersect(validation).Concat(training.Intersect(calibration)).Concat(validation.Intersect(calibration)));
        Assert.Equal((360, 120, 12), (split.Training.Length, split.Validation.Length, split.Calibration.Length));

        HashSet<ulong> Keys(int[] rows) => [.. rows.Select(row => keys[row])];
    }

    [Fact]
    public void One_row_of_each_key_is_any_of_them()
    {
        var taken = new int[4];
        for (int seed = 0; seed < 400; seed++)
        {
            var one = new OneOfEachKey(1, seed);
            for (int row = 0; row < 4; row++)
            {
                one.Offer(7, [row], 1);
                one.Offer(8, [100], 1);
            }
            WeightedRows rows = one.Sample();
            Assert.Equal(2, rows.Count);
            taken[(int)rows.Values.Single(value => value < 100)]++;
        }
        Assert.All(taken, count => Assert.InRange(count, 65, 135)); // 100 expected
    }

    [Theory]
    [InlineData("Text", 100L << 20), InlineData("Number", 100L << 20), InlineData("Text", 0L), InlineData("Number", 0L)]
    public void Copies_of_a_device_are_kept_out_of_the_other_slices(string key, long residentLimit)
    {
        using RealNvpTransformer model = Fit(Devices(150, 20, seed: 1), key, residentLimit);
        Assert.DoesNotContain(_warnings, message => message.Contains("are copies of training rows", StringComparison.Ordinal));
        Assert.Equal(19, model.Model.Calibration.Count); // what 5 % needs, of 150 devices
    }

    [Fact]
    public void The_false_alarm_rate_holds_for_new_devices()
    {
        const int Seeds = 30;
        var flagged = new List<double>();
        for (int seed = 0; seed < Seeds; seed++)
        {
            using RealNvpTransformer model = Fit(Devices(150, 20, seed), "Number", 100L << 20, contamination: 0.1, steps: 60);
            flagged.Add(Rate(model, Devices(1000, 1, 1000 + seed)));
        }
        // 15 keys calibrate: floor(0.1 * 16) of 16 places, and one seed's rate is Beta(1, 15)
        double expected = 1.0 / 16, error = Math.Sqrt(1.0 * 15 / (16 * 16 * 17) / Seeds);
        Assert.InRange(flagged.Average(), expected - 4 * error, expected + 4 * error);
    }

    [Fact]
    public void The_false_alarm_rate_holds_with_weights_and_repeated_rows()
    {
        const int Seeds = 30;
        var flagged = new List<double>();
        for (int seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            // whole numbers, which repeat, and weights that go with how far out a row is
            Row[] rows = [.. Rounded(400, random)];
            RealNvpTrainer.Options options = Options(0.1, 60, 100L << 20);
            options.ExampleWeightColumnName = "Weight";
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(_ml.Data.LoadFromEnumerable(rows));
            flagged.Add(Rate(model, [.. Rounded(1000, random)]));
        }
        // 40 rows calibrate; where scores are equal fewer are flagged
        Assert.InRange(flagged.Average(), 0.05, 0.1 + 4 * Math.Sqrt(0.1 * 0.9 / 40 / Seeds));

        static IEnumerable<Row> Rounded(int count, Random random)
        {
            for (int i = 0; i < count; i++)
            {
                float a = MathF.Round((float)(4 * Tables.Normal(random))), b = MathF.Round((float)(a / 2 + 3 * Tables.Normal(random)));
                yield return new Row
                {
                    Features = [a, b, MathF.Round((float)(5 * Tables.Normal(random)))],
                    Weight = MathF.Abs(a) > 4 ? 3 : 1,
                };
            }
        }
    }

    [Fact]
    public void Wrong_keys_are_refused_with_what_was_expected()
    {
        Row[] rows = Devices(40, 5, 1);
        Assert.Contains("Features", Assert.ThrowsAny<ArgumentException>(() => Fit(rows, "Features", 0)).Message, StringComparison.Ordinal);
        Assert.Contains("Nobody", Assert.ThrowsAny<ArgumentException>(() => Fit(rows, "Nobody", 0)).Message, StringComparison.Ordinal);
        ArgumentException few = Assert.Throws<ArgumentException>(() => Fit(Devices(2, 50, 1), "Text", 100L << 20));
        Assert.Contains("'Text' have 2 different values, expected at least 3", few.Message, StringComparison.Ordinal);
    }

    private RealNvpTransformer Fit(Row[] rows, string key, long residentLimit, double contamination = 0.05, int steps = 3)
    {
        RealNvpTrainer.Options options = Options(contamination, steps, residentLimit);
        options.SamplingKeyColumnName = key;
        return _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(_ml.Data.LoadFromEnumerable(rows));
    }

    private static RealNvpTrainer.Options Options(double contamination, int steps, long residentLimit) => new()
    {
        Table = new() { Couplings = 2, HiddenUnits = 8 },
        Steps = steps,
        Contamination = contamination,
        Memory = new() { ResidentLimit = residentLimit },
    };

    private static double Rate(RealNvpTransformer model, Row[] rows)
        => model.Transform(new MLContext().Data.LoadFromEnumerable(rows)).GetColumn<bool>("PredictedLabel")
            .Average(label => label ? 1.0 : 0);

    private static Row[] Devices(int devices, int copies, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, devices).SelectMany(device =>
        {
            double a = Tables.Normal(random);
            float[] features = [(float)a, (float)(a * a + 0.5 * Tables.Normal(random)), (float)Tables.Normal(random)];
            return Enumerable.Range(0, copies).Select(_ => new Row { Features = features, Text = $"device {device}", Number = device });
        })];
    }

    private sealed class Row
    {
        [VectorType(3)]
        public float[] Features { get; set; } = [];

        public string Text { get; set; } = "";

        public int Number { get; set; }

        public float Weight { get; set; } = 1;
    }
}
