using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Series;

public sealed class LagsTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(LagsOfFirstRows.Skip, null)]
    [InlineData(LagsOfFirstRows.NaN, null)]
    [InlineData(LagsOfFirstRows.Skip, "Machine")]
    [InlineData(LagsOfFirstRows.NaN, "Machine")]
    [InlineData(LagsOfFirstRows.Skip, "Number")]
    [InlineData(LagsOfFirstRows.NaN, "Key")]
    [InlineData(LagsOfFirstRows.NaN, "Day")]
    [InlineData(LagsOfFirstRows.Skip, "Flag")]
    public void Values_are_those_of_the_rows_before_in_the_group(LagsOfFirstRows firstRows, string? group)
    {
        Reading[] rows = Reading.Many(400);
        int[] lags = [7, 1, 3]; // in the order asked for
        IDataView view = Lags(rows, ["Heat", "Sides"], lags, group, firstRows);
        Lagged[] found = [.. _ml.Data.CreateEnumerable<Lagged>(view, reuseRowObject: false)];

        // the same by looking back in a list
        List<Lagged> expected = [];
        foreach (Reading row in rows)
        {
            Reading[] before = [.. rows[..row.Id].Where(other => Equals(other.GroupOf(group), row.GroupOf(group)))];
            if (before.Length < 7 && firstRows == LagsOfFirstRows.Skip)
                continue;
            expected.Add(new Lagged
            {
                Id = row.Id,
                Before = [.. lags.SelectMany(lag => lag > before.Length
                    ? [float.NaN, float.NaN, float.NaN]
                    : (float[])[before[^lag].Heat, .. before[^lag].Sides])],
            });
        }
        Assert.Equal(expected.Select(row => row.Id), found.Select(row => row.Id));
        Assert.Equal(expected.Select(row => row.Before), found.Select(row => row.Before));
        Assert.InRange(found.Length, firstRows == LagsOfFirstRows.Skip ? 300 : 400, firstRows == LagsOfFirstRows.Skip ? 399 : 400);
    }

    [Fact]
    public void Column_has_its_size_and_slot_names_and_an_estimator_knows_its_shape()
    {
        IDataView data = _ml.Transforms.Concatenate("Named", "Heat", "Load").Fit(Load(Reading.Many(10))).Transform(Load(Reading.Many(10)));
        LagsEstimator estimator = _ml.Transforms.Lags("Before", ["Heat", "Sides", "Named"], [1, 2], "Machine");
        DataViewSchema schema = estimator.Fit(data).GetOutputSchema(data.Schema);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 10), schema["Before"].Type);
        VBuffer<ReadOnlyMemory<char>> names = default;
        schema["Before"].GetSlotNames(ref names);
        Assert.Equal("Heat-1 Sides[0]-1 Sides[1]-1 Heat-1 Load-1 Heat-2 Sides[0]-2 Sides[1]-2 Heat-2 Load-2",
            string.Join(' ', names.DenseValues()));
        // a shape that a pipeline checks by: the trainer after it asks for a vector of Single
        using var chain = estimator.Append(_ml.Transforms.ApplyRealNvp(Flows.Random(10), "Before")).Fit(data);
        Assert.Contains(chain.GetOutputSchema(data.Schema), column => column.Name == "Score");
    }

    [Fact]
    public void View_is_lazy_reads_one_cursor_and_repeats()
    {
        int made = 0;
        IDataView source = _ml.Data.LoadFromEnumerable(Reading.Many(100).Select(row =>
        {
            made++;
            return row;
        }));
        IDataView view = _ml.Transforms.Lags("Before", ["Heat"], [1, 2]).Fit(source).Transform(source);
        Assert.Equal(0, made);
        Assert.False(view.CanShuffle);
        Assert.Null(view.GetRowCount());
        float[][] first = [.. view.GetColumn<float[]>("Before")];
        Assert.Equal(100, made);
        Assert.Equal(first, view.GetColumn<float[]>("Before"));
        DataViewRowCursor cursor = Assert.Single(view.GetRowCursorSet(view.Schema, 4, new Random(1)));
        using (cursor)
        {
            ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(view.Schema["Before"]);
            VBuffer<float> value = default;
            Assert.Throws<InvalidOperationException>(() => getter(ref value));
            for (int row = 0; cursor.MoveNext(); row++)
            {
                Assert.Equal(row, cursor.Position);
                getter(ref value);
                Assert.Equal(first[row], value.DenseValues());
            }
            Assert.Equal(-1, cursor.Position);
        }
    }

    [Fact]
    public void Rows_stay_in_order_for_a_reader_that_would_have_them_shuffled()
    {
        IDataView source = _ml.Data.Cache(Load(Reading.Many(100)));
        Assert.True(source.CanShuffle);
        IDataView view = _ml.Transforms.Lags("Before", ["Heat"], [1]).Fit(source).Transform(source);
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema, new Random(1));
        ValueGetter<int> getter = cursor.GetGetter<int>(view.Schema["Id"]);
        for (int row = 1; cursor.MoveNext(); row++)
        {
            int id = 0;
            getter(ref id);
            Assert.Equal(row, id);
        }
    }

    [Fact]
    public void Rows_are_skipped_too_where_only_other_columns_are_read()
    {
        IDataView view = Lags(Reading.Many(50), ["Heat"], [5], "Machine");
        Assert.Equal(_ml.Data.CreateEnumerable<Lagged>(view, false).Select(row => row.Id), view.GetColumn<int>("Id"));
    }

    [Fact]
    public void Pipelines_with_a_flow_save_and_load()
    {
        FlowModel model = Flows.Random(4);
        IDataView data = Load(Reading.Many(2000));
        ITransformer chain = _ml.Transforms.Lags("Before", ["Heat", "Load"], [1, 4], "Machine", LagsOfFirstRows.NaN)
            .Append(_ml.Transforms.ApplyRealNvp(model, "Before")).Fit(data);
        string path = Path.GetTempFileName();
        try
        {
            _ml.Model.Save(chain, data.Schema, path);
            ITransformer loaded = new MLContext().Model.Load(path, out _);
            LagsTransformer lags = ((IEnumerable<ITransformer>)loaded).OfType<LagsTransformer>().Single();
            Assert.Equal(("Before", "Machine", LagsOfFirstRows.NaN), (lags.OutputColumnName, lags.GroupColumnName, lags.FirstRows));
            Assert.Equal(["Heat", "Load"], lags.InputColumnNames);
            Assert.Equal([1, 4], lags.Lags);
            float[] scores = [.. loaded.Transform(data).GetColumn<float>("Score")];
            Assert.Equal(2000, scores.Length);
            Assert.Equal(4 * Reading.Machines, scores.Count(float.IsNaN)); // of each machine the first four
            Assert.Equal(chain.Transform(data).GetColumn<float>("Score"), scores);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void One_row_at_a_time_is_refused_with_the_reason()
    {
        IDataView data = Load(Reading.Many(20));
        ITransformer chain = _ml.Transforms.CopyColumns("Copy", "Heat").Append(_ml.Transforms.Lags("Before", ["Copy"], [1])).Fit(data);
        var error = Assert.ThrowsAny<Exception>(() => _ml.Model.CreatePredictionEngine<Reading, Lagged>(chain));
        Assert.Contains("has none before it", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Missing", "is missing; there are Id, Heat")]
    [InlineData("Id", "is Int32 (Conversion.ConvertType converts)")]
    [InlineData("Machine", "is String (Categorical.OneHotEncoding")]
    [InlineData("Key", "is a key (Conversion.MapKeyToVector")]
    [InlineData("Any", "is a vector of Single of unknown size")]
    public void Inputs_of_another_type_are_refused(string input, string message)
    {
        IDataView data = Load(Reading.Many(3));
        LagsEstimator estimator = _ml.Transforms.Lags("Before", ["Heat", input], [1]);
        string found = Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(data)).Message;
        Assert.Contains($"Column '{input}' {message}", found, StringComparison.Ordinal);
        Assert.Contains("Expected: Single, or a vector of Single of known size", found, StringComparison.Ordinal);
        // and before there is data, as a pipeline asks
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.CopyColumns("Copy", "Heat").Append(estimator).Fit(data));
    }

    [Theory]
    [InlineData("Missing", "is missing")]
    [InlineData("Heat", "is Single")]
    [InlineData("Sides", "is Vector<Single, 2>")]
    public void Groups_of_another_type_are_refused(string group, string message)
    {
        string found = Assert.Throws<ArgumentOutOfRangeException>(() => Lags(Reading.Many(3), ["Heat"], [1], group)).Message;
        Assert.Contains($"Column '{group}' {message}", found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(2, 1, 2)]
    [InlineData(65_537)]
    [InlineData]
    public void Lags_that_are_not_positive_or_repeated_are_refused(params int[] lags)
    {
        string message = Assert.Throws<ArgumentException>(() => _ml.Transforms.Lags("Before", ["Heat"], lags)).Message;
        Assert.Contains($"The lags are {(lags.Length == 0 ? "none" : string.Join(", ", lags))}.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_are_none_or_repeated_are_refused()
    {
        Assert.Throws<ArgumentException>(() => _ml.Transforms.Lags(" ", ["Heat"], [1]));
        Assert.Throws<ArgumentException>(() => _ml.Transforms.Lags("Before", ["Heat"], [1], ""));
        Assert.Throws<ArgumentException>(() => _ml.Transforms.Lags("Before", ["Heat", "Heat"], [1]));
        Assert.Throws<ArgumentException>(() => _ml.Transforms.Lags("Before", [], [1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.Lags("Before", ["Heat"], [1], null, (LagsOfFirstRows)2));
    }

    [Fact]
    public void Lags_longer_than_every_group_are_an_error_or_a_warning_that_says_how_long_they_are()
    {
        IDataView skipping = Lags(Reading.Many(20), ["Heat"], [1, 30]);
        string message = Assert.Throws<InvalidOperationException>(() => skipping.GetColumn<float[]>("Before").Count()).Message;
        Assert.Contains("go back 30 rows, and no row has as many before it: 20 rows, 1 group, of 20 rows at most", message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => skipping.GetColumn<int>("Id").Count());
        Assert.Throws<InvalidOperationException>(() => Lags(Reading.Many(30), ["Heat"], [30]).GetColumn<int>("Id").Count());
        Assert.Single(Lags(Reading.Many(31), ["Heat"], [30]).GetColumn<int>("Id"));
        Assert.Empty(Lags([], ["Heat"], [30]).GetColumn<int>("Id")); // nothing in, nothing out

        List<string> messages = [];
        _ml.Log += (_, e) => messages.Add(e.Message);
        Assert.Equal(20, Lags(Reading.Many(20), ["Heat"], [30], "Machine", LagsOfFirstRows.NaN).GetColumn<float[]>("Before").Count());
        Assert.Contains(messages, text => text.Contains("in its group ('Machine'): 20 rows, ", StringComparison.Ordinal));
    }

    [Fact]
    public void Shuffled_views_are_refused_wherever_they_were_shuffled()
    {
        IDataView shuffled = _ml.Data.ShuffleRows(Load(Reading.Many(20)), seed: 1);
        IDataView copied = _ml.Transforms.CopyColumns("Copy", "Heat").Fit(shuffled).Transform(shuffled);
        using RealNvpTransformer flow = new(_ml, Flows.Random(2), RealNvpColumns.Default with { Features = "Both" });
        foreach (IDataView view in new[]
        {
            shuffled, copied, _ml.Data.Cache(shuffled), _ml.Data.Cache(_ml.Data.TakeRows(copied, 15)),
            _ml.Data.FilterRowsByColumn(_ml.Data.Cache(copied), "Heat", 0),
            flow.Transform(_ml.Transforms.Concatenate("Both", "Heat", "Heat").Fit(shuffled).Transform(shuffled)),
        })
        {
            LagsEstimator estimator = _ml.Transforms.Lags("Before", ["Heat"], [1]);
            Assert.Contains("Shuffle after Lags", Assert.Throws<ArgumentException>(() => estimator.Fit(view)).Message,
                StringComparison.Ordinal);
        }
        // and after it rows keep what was before them
        IDataView after = _ml.Data.ShuffleRows(Lags(Reading.Many(200), ["Heat"], [1]), seed: 1);
        Reading[] rows = Reading.Many(200);
        Lagged[] found = [.. _ml.Data.CreateEnumerable<Lagged>(after, reuseRowObject: false)];
        Assert.All(found, row => Assert.Equal(rows[row.Id - 1].Heat, row.Before[0]));
        Assert.NotEqual(found.Select(row => row.Id).Order(), found.Select(row => row.Id));
    }

    [Fact]
    public void ConvertToOnnx_is_refused()
    {
        IDataView data = Load(Reading.Many(20));
        ITransformer chain = _ml.Transforms.Lags("Before", ["Heat"], [1]).Append(_ml.Transforms.CopyColumns("Copy", "Before")).Fit(data);
        using var stream = new MemoryStream();
        Assert.Contains("Lags", Assert.Throws<InvalidOperationException>(() => _ml.Model.ConvertToOnnx(chain, data, stream)).Message,
            StringComparison.Ordinal);
    }

    private IDataView Lags(Reading[] rows, string[] inputs, int[] lags, string? group = null,
        LagsOfFirstRows firstRows = LagsOfFirstRows.Skip)
    {
        IDataView data = Load(rows);
        return _ml.Transforms.Lags("Before", inputs, lags, group, firstRows).Fit(data).Transform(data);
    }

    private IDataView Load(Reading[] rows) => _ml.Data.LoadFromEnumerable(rows);

    private sealed class Lagged
    {
        public int Id { get; set; }

        public float[] Before { get; set; } = [];
    }

    private sealed class Reading
    {
        public const int Machines = 3;

        public int Id { get; set; }

        public float Heat { get; set; }

        public float Load { get; set; }

        [VectorType(2)]
        public float[] Sides { get; set; } = [];

        public float[] Any { get; set; } = [];

        public string Machine { get; set; } = "";

        public long Number { get; set; }

        [KeyType(Machines)]
        public uint Key { get; set; } // 0, a missing value, is a group too

        public DateTime Day { get; set; }

        public bool Flag { get; set; }

        public object? GroupOf(string? column) => column is null ? null : typeof(Reading).GetProperty(column)!.GetValue(this);

        /// <summary>Numbered rows of interleaved machines.</summary>
        public static Reading[] Many(int count)
        {
            var random = new Random(1);
            return [.. Enumerable.Range(0, count).Select(i =>
            {
                int machine = random.Next(Machines);
                return new Reading
                {
                    Id = i, Heat = random.NextSingle(), Load = random.NextSingle(), Sides = [random.NextSingle(), -i],
                    Machine = $"m{machine}", Number = machine - 1, Key = (uint)machine, Day = new DateTime(2026, 1, 1 + machine),
                    Flag = machine == 1,
                };
            })];
        }
    }
}
