using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Transforms.Alarms;

/// <summary>Thresholds by group, beside the calibration of each group's own rows.</summary>
[Trait("Area", "Alarms")]
public sealed class GroupThresholdsTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly List<string> _log = [];

    public GroupThresholdsTests() => _ml.Log += (_, e) => _log.Add(e.RawMessage);

    [Fact]
    public void Each_group_is_flagged_as_often_as_asked_for_where_a_common_threshold_flags_one_alone()
    {
        Scored[] held = Rows(800, 1), fresh = Rows(4000, 2);
        GroupThresholdsTransformer byMachine = Fit(held, 0.05);
        Judged[] found = Judge(byMachine, fresh);
        foreach (string machine in (string[])["loud", "quiet"])
        {
            var own = new Calibration(held.Where(row => row.Machine == machine).Select(row => row.Score), 0.05);
            Assert.Equal(own.Threshold, byMachine.Thresholds[machine]);
            (Scored Row, Judged Found)[] rows = [.. fresh.Zip(found).Where(pair => pair.First.Machine == machine)];
            Assert.All(rows, pair => Assert.Equal((pair.Row.Score > own.Threshold, own.PValue(pair.Row.Score)),
                (pair.Found.PredictedLabel, pair.Found.PValue)));
            Assert.Equal(0.05, rows.Average(pair => pair.Found.PredictedLabel ? 1.0 : 0), 0.03);
        }
        var common = new Calibration(held.Select(row => row.Score), 0.05);
        Assert.Equal(common.Threshold, byMachine.CommonThreshold);
        Assert.Equal(0, fresh.Count(row => row.Machine == "quiet" && row.Score > common.Threshold));
        // of NaN neither label nor p-value; a group that was never seen takes the common threshold
        Judged[] others = Judge(byMachine, [new() { Machine = "loud", Score = float.NaN }, new() { Machine = "new", Score = 3 }]);
        Assert.True(!others[0].PredictedLabel && float.IsNaN(others[0].PValue));
        Assert.Equal((3 > common.Threshold, common.PValue(3)), (others[1].PredictedLabel, others[1].PValue));
    }

    [Theory, InlineData(19, 0), InlineData(18, 1)]
    public void Where_all_groups_together_have_too_few_rows_nothing_is_flagged_and_that_is_told(int rows, int warnings)
    {
        GroupThresholdsTransformer byMachine = Fit([.. Enumerable.Range(0, rows).Select(i
            => new Scored { Machine = $"{i % 2}", Score = i })], 0.05);
        Assert.Equal(warnings > 0, float.IsPositiveInfinity(byMachine.CommonThreshold));
        Assert.Equal(warnings, _log.Count(line => line.Contains($"Nothing will be flagged: {rows} calibration rows are too few for a "
            + "contamination of 0.05, which needs 19, and those of all groups are counted.")));
    }

    [Fact]
    public void Groups_with_too_few_rows_take_the_common_threshold_and_are_told()
    {
        Scored[] held = [.. Rows(800, 1), .. Enumerable.Range(0, 18).Select(i => new Scored { Machine = "rare", Score = i })];
        GroupThresholdsTransformer byMachine = Fit(held, 0.05);
        Assert.Contains(_log, line => line.Contains("1 groups of column 'Machine' have fewer rows than a contamination of 0.05 needs, 19, "
            + "and take the common threshold: 'rare' (18)."));
        Assert.Equal(["loud", "quiet"], byMachine.Thresholds.Keys);
        Assert.Contains("'loud': 400 scores", byMachine.Summary());
        Assert.Contains("others: 818 scores", byMachine.Summary());
        Assert.Equal(byMachine.CommonThreshold < 100, Judge(byMachine, [new() { Machine = "rare", Score = 100 }])[0].PredictedLabel);
    }

    [Fact]
    public void It_is_saved_and_stands_in_pipelines_and_engines()
    {
        Scored[] held = Rows(400, 1), fresh = Rows(50, 2);
        GroupThresholdsTransformer byMachine = Fit(held, 0.1);
        string path = Path.GetTempFileName();
        _ml.Model.Save(byMachine, View(held).Schema, path);
        var loaded = (GroupThresholdsTransformer)new MLContext().Model.Load(path, out _);
        File.Delete(path);
        Assert.Equal(byMachine.Summary(), loaded.Summary());
        Judged[] expected = Judge(byMachine, fresh), again = Judge(loaded, fresh);
        Assert.Equal(expected.Select(row => (row.PredictedLabel, row.PValue)), again.Select(row => (row.PredictedLabel, row.PValue)));
        using PredictionEngine<Scored, Judged> engine = _ml.Model.CreatePredictionEngine<Scored, Judged>(loaded);
        Assert.Equal(expected.Select(row => row.PValue), fresh.Select(row => engine.Predict(row).PValue));
        SchemaShape promised = _ml.AnomalyDetection.CalibrateByGroup("Machine")
            .GetOutputSchema(MlNetInternals.ShapeOf(View(held).Schema));
        Assert.Equal(loaded.GetOutputSchema(View(held).Schema).Select(column => column.Name).Distinct(),
            promised.Select(column => column.Name));
    }

    [Theory, InlineData(DataKind.Int32), InlineData(DataKind.UInt64), InlineData(DataKind.Boolean)]
    public void Groups_may_be_numbers_or_keys(DataKind kind)
    {
        Scored[] held = Rows(200, 1);
        IDataView view = View(held);
        IDataView numbers = kind == DataKind.UInt64 ? _ml.Transforms.Conversion.MapValueToKey("Number").Fit(view).Transform(view)
            : _ml.Transforms.Conversion.ConvertType("Number", "Number", kind).Fit(view).Transform(view);
        GroupThresholdsTransformer byNumber = _ml.AnomalyDetection.CalibrateByGroup("Number", 0.1).Fit(numbers);
        Assert.Equal(2, byNumber.Thresholds.Count);
        Assert.Equal(Fit(held, 0.1).Thresholds.Values.Order(), byNumber.Thresholds.Values.Order());
    }

    [Fact]
    public void Keys_are_known_by_their_values_however_a_view_numbers_them()
    {
        Scored[] held = Rows(200, 1), fresh = Rows(40, 2);
        var toKeys = _ml.Transforms.Conversion.MapValueToKey("Key", "Machine");
        IDataView numbered = toKeys.Fit(View(held)).Transform(View(held)); // quiet comes first
        IDataView otherwise = toKeys.Fit(View(fresh[1..])).Transform(View(fresh)); // loud does
        GroupThresholdsTransformer byKey = _ml.AnomalyDetection.CalibrateByGroup("Key", 0.1).Fit(numbered);
        Assert.Equal(Fit(held, 0.1).Thresholds, byKey.Thresholds);
        Assert.Equal(Judge(Fit(held, 0.1), fresh).Select(row => row.PValue), byKey.Transform(otherwise).GetColumn<float>("PValue"));
    }

    [Fact]
    public void Dates_are_told_apart_to_the_tick()
    {
        var rows = Rows(200, 1).Select(row => new Timed { At = new DateTime(2026, 1, 1).AddTicks(row.Number), Score = row.Score });
        GroupThresholdsTransformer byTime = _ml.AnomalyDetection.CalibrateByGroup("At", 0.1).Fit(_ml.Data.LoadFromEnumerable(rows));
        Assert.Equal(Fit(Rows(200, 1), 0.1).Thresholds.Values.Order(), byTime.Thresholds.Values.Order());

        // keys of dates too, and they are the same groups
        IDataView view = _ml.Data.LoadFromEnumerable(rows);
        IDataView keys = _ml.Transforms.Conversion.MapValueToKey("At").Fit(view).Transform(view);
        Assert.Equal(byTime.Thresholds, _ml.AnomalyDetection.CalibrateByGroup("At", 0.1).Fit(keys).Thresholds);
    }

    [Fact]
    public void Wrong_columns_and_shares_are_refused()
    {
        IDataView rows = View(Rows(40, 1));
        Assert.Contains("Column 'Device' is missing",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.CalibrateByGroup("Device").Fit(rows)).Message);
        Assert.Contains("Expected: text, a key",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.CalibrateByGroup("Score").Fit(rows)).Message);
        Assert.Contains("scores of rows", Assert.Throws<ArgumentOutOfRangeException>(
            () => _ml.AnomalyDetection.CalibrateByGroup("Machine", scoreColumnName: "Machine").Fit(rows)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.CalibrateByGroup("Machine", contamination: 1));
        IDataView none = View([new() { Machine = "loud", Score = float.NaN }]);
        Assert.Contains("No row has a finite value",
            Assert.Throws<ArgumentException>(() => _ml.AnomalyDetection.CalibrateByGroup("Machine").Fit(none)).Message);
    }

    private GroupThresholdsTransformer Fit(Scored[] held, double contamination)
        => _ml.AnomalyDetection.CalibrateByGroup("Machine", contamination).Fit(View(held));

    private IDataView View(Scored[] rows) => _ml.Data.LoadFromEnumerable(rows);

    private Judged[] Judge(ITransformer model, Scored[] rows)
        => [.. _ml.Data.CreateEnumerable<Judged>(model.Transform(View(rows)), reuseRowObject: false)];

    /// <summary>Scores of a quiet machine around 0, and of a loud one around 10.</summary>
    private static Scored[] Rows(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => new Scored
        {
            Machine = i % 2 == 0 ? "quiet" : "loud",
            Number = i % 2,
            Score = (float)(10 * (i % 2) + Tables.Normal(random)),
        })];
    }

    private sealed class Scored
    {
        public string Machine { get; set; } = "";

        public int Number { get; set; }

        public float Score { get; set; }
    }

    private sealed class Timed
    {
        public DateTime At { get; set; }

        public float Score { get; set; }
    }

    private sealed class Judged
    {
        public bool PredictedLabel { get; set; }

        public float PValue { get; set; }
    }
}
