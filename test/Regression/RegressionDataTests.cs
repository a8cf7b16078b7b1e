using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Regression;

/// <summary>What is said of labels and features that are wrong.</summary>
public sealed class RegressionDataTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _log = [];

    public RegressionDataTests() => _ml.Log += (_, e) => _log.Add(e.RawMessage);

    [Fact]
    public void A_label_column_that_is_missing_or_no_number_is_refused_with_what_to_do()
    {
        IDataView rows = Labelled.Load(_ml, Labelled.Rows(50, 1));
        IDataView text = _ml.Transforms.Conversion.ConvertType("Label", "Label", DataKind.String).Fit(rows).Transform(rows);
        IDataView key = _ml.Transforms.Conversion.MapValueToKey("Label").Fit(rows).Transform(rows);
        IDataView number = _ml.Transforms.Conversion.ConvertType("Label", "Label", DataKind.Double).Fit(rows).Transform(rows);
        (IDataView View, string Label, string Message)[] cases = [
            (rows, "Price", "Column 'Price' is missing; there are Label, Features. Expected: a Single, or a known-size vector of Single."),
            (text, "Label", "reads numbers from text"), (key, "Label", "is a key"), (number, "Label", "is Double, not of Single"),
            (Varying(), "Label", "is a vector of unknown size")];
        foreach ((IDataView view, string label, string message) in cases)
        {
            RealNvpRegressionTrainer trainer = _ml.Regression.Trainers.RealNvp(label);
            Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(view)).Message);
            if (message.Contains("unknown size"))
                continue; // shapes do not tell that
            Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(
                () => trainer.GetOutputSchema(MlNetInternals.ShapeOf(view.Schema))).Message);
        }
        Assert.Contains("label and features at once",
            Assert.Throws<ArgumentException>(() => _ml.Regression.Trainers.RealNvp("Features")).Message);
        foreach (RealNvpRegressionTrainer.Options options in new RealNvpRegressionTrainer.Options[]
            { new() { LabelColumnName = "Median" }, new() { Columns = new() { Upper = "Features" } } })
        {
            Assert.Contains("would hide: a metric would compare it with itself",
                Assert.Throws<ArgumentException>(() => _ml.Regression.Trainers.RealNvp(options)).Message);
        }
        Assert.Contains("which it would hide", Assert.Throws<ArgumentException>(
            () => _ml.AnomalyDetection.Trainers.RealNvp(new() { Columns = new() { Score = "Features" } })).Message);
        Assert.Contains("Column 'Missing' is missing",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.RealNvp("Label", "Missing").Fit(rows)).Message);
    }

    [Fact]
    public void Options_that_change_later_change_no_trainer()
    {
        var options = new RealNvpRegressionTrainer.Options { Flow = { Steps = 5, Members = 2 } };
        RealNvpRegressionTrainer trainer = _ml.Regression.Trainers.RealNvp(options);
        (options.Flow.Members, options.IntervalMass) = (1, 0.5);
        using RealNvpRegressionTransformer model = trainer.Fit(Labelled.Load(_ml, Labelled.Rows(100, 1)));
        Assert.Equal(2, model.Flow.Model.Members.Length);
        Assert.Equal(0.9, model.IntervalMass);
    }

    [Fact]
    public void A_label_of_two_values_has_bins_of_their_distance()
    {
        LabelledRow[] rows = [.. Labelled.Rows(600, 1).Select(row => new LabelledRow { Label = row.Label > 3 ? 1 : 0,
            Features = row.Features })];
        using RealNvpRegressionTransformer model = Labelled.Trainer(_ml, 150).Fit(Labelled.Load(_ml, rows));
        foreach (float[] features in (float[][])[[0, 0], [0.5f, 0.5f], [-0.3f, 0]])
        {
            LabelledRow[] both = [new() { Label = 0, Features = features }, new() { Label = 1, Features = features }];
            IEnumerable<float> logs = model.Transform(Labelled.Load(_ml, both)).GetColumn<float>("LogLikelihood");
            Assert.InRange(logs.Sum(value => Math.Exp(value)), 0.6, 1.4); // a tenth of the distance would make ten of it
        }
    }

    [Fact]
    public void Rows_without_a_usable_label_are_left_out_or_refused_as_the_option_says()
    {
        LabelledRow[] rows = Labelled.Rows(300, 1);
        (rows[3].Label, rows[9].Label, rows[20].Features) = (float.NaN, float.PositiveInfinity, [0, float.NaN]);
        using (Labelled.Trainer(_ml, 20).Fit(Labelled.Load(_ml, rows)))
            Assert.Contains(_log, line => line.Contains("3 rows with a NaN or infinite") && line.Contains("'Label'"));
        var error = Assert.Throws<ArgumentException>(() => Labelled.Trainer(_ml, 20, options => options.Flow.NonFiniteRows
            = NonFiniteRows.Fail).Fit(Labelled.Load(_ml, rows)));
        Assert.Contains("3 rows with a NaN or infinite label or feature", error.Message);
    }

    [Fact]
    public void A_label_that_does_not_vary_and_one_row_are_refused()
    {
        LabelledRow[] rows = [.. Labelled.Rows(60, 1).Select(row => new LabelledRow { Label = 7, Features = row.Features })];
        Assert.Contains("The label column 'Label' has one value, 7, in all training rows",
            Assert.Throws<ArgumentException>(() => Labelled.Trainer(_ml, 20).Fit(Labelled.Load(_ml, rows))).Message);
        Assert.Contains("Column 'Label' has 1 usable rows, expected at least 4",
            Assert.Throws<ArgumentException>(() => Labelled.Trainer(_ml, 20).Fit(Labelled.Load(_ml, rows[..1]))).Message);
        TwiceLabelledRow[] twice = [.. rows.Select((row, i) => new TwiceLabelledRow { Label = [i, 5], Features = row.Features })];
        Assert.Contains("(value 1) has one value, 5",
            Assert.Throws<ArgumentException>(() => Labelled.Trainer(_ml, 20).Fit(Labelled.Load(_ml, twice))).Message);
    }

    [Fact]
    public void Too_few_rows_for_an_interval_make_it_infinite_and_are_told()
    {
        LabelledRow[] rows = Labelled.Rows(60, 1);
        using RealNvpRegressionTransformer model = Labelled.Trainer(_ml, 20, options => options.IntervalMass = 0.999)
            .Fit(Labelled.Load(_ml, rows));
        Assert.Contains(_log, line => line.Contains("Intervals will be infinite: 6 calibration rows are too few for a mass of 0.999, "
            + "which needs 999."));
        IDataView scored = model.Transform(Labelled.Load(_ml, rows));
        Assert.All(scored.GetColumn<float>("Upper"), value => Assert.Equal(float.PositiveInfinity, value));
        Assert.All(scored.GetColumn<float>("Median"), value => Assert.True(float.IsFinite(value)));
        using RealNvpRegressionTransformer half = model.WithIntervalMass(0.5);
        Assert.All(half.Transform(Labelled.Load(_ml, rows)).GetColumn<float>("Upper"), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Options_out_of_range_and_features_of_another_size_are_refused()
    {
        foreach (double mass in (double[])[0, 1, double.NaN])
        {
            Assert.Contains("IntervalMass", Assert.Throws<ArgumentOutOfRangeException>(
                () => _ml.Regression.Trainers.RealNvp(intervalMass: mass)).Message);
        }
        Assert.Throws<ArgumentException>(() => _ml.Regression.Trainers.RealNvp(new() { Columns = new() { Lower = "Score" } }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Labelled.Trainer(_ml, 10, options => options.Flow.Dropout = 2));
        using RealNvpRegressionTransformer model = Labelled.Trainer(_ml, 10).Fit(Labelled.Load(_ml, Labelled.Rows(60, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.WithIntervalMass(1));
        Assert.Contains("Expected: Vector<Single, 2>", Assert.ThrowsAny<ArgumentException>(() => model.Transform(
            Labelled.Load(_ml, [new LabelledRow { Features = [1, 2, 3] }]))).Message);
    }

    private IDataView Varying()
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(TwiceLabelledRow));
        schema["Label"].ColumnType = new VectorDataViewType(NumberDataViewType.Single);
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        return _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 50).Select(i => new TwiceLabelledRow
            { Label = new float[1 + i % 2], Features = [i, 1] }), schema);
    }
}
