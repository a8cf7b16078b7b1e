using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Series;

/// <summary>A stream of rows, scored one by one, beside the view of all of them.</summary>
public sealed class SeriesEngineTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory, InlineData(LagsOfFirstRows.Skip), InlineData(LagsOfFirstRows.NaN)]
    public void Rows_get_what_the_pipeline_gives_them(LagsOfFirstRows firstRows)
    {
        Row[] rows = Rows(300);
        IDataView data = _ml.Data.LoadFromEnumerable(rows);
        // lags of lags, a transform of ML.NET's between, and a flow at the end
        var pipeline = _ml.Transforms.Lags("Before", ["Heat", "Load"], [1, 3], "Machine", firstRows)
            .Append(_ml.Transforms.Concatenate("Both", "Heat", "Before"))
            .Append(_ml.Transforms.Lags("Earlier", ["Both"], [2], "Machine", firstRows))
            .Append(_ml.Transforms.Concatenate("Features", "Heat", "Load", "Before", "Earlier"))
            .Append(_ml.AnomalyDetection.Trainers.RealNvp(new() { Steps = 60, Seed = 1 }));
        using var model = pipeline.Fit(data);
        Scored[] expected = [.. _ml.Data.CreateEnumerable<Scored>(model.Transform(data), reuseRowObject: false)];

        using SeriesEngine<Row, Scored> engine = _ml.CreateSeriesEngine<Row, Scored>(model);
        Scored?[] found = [.. rows.Select(engine.Score)];
        Scored[] given = [.. found.OfType<Scored>()];
        Assert.Equal(firstRows == LagsOfFirstRows.Skip ? 15 : 0, found.Count(row => row is null)); // 3 + 2 of each machine
        Assert.Equal(expected.Length, given.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal((expected[i].Id, expected[i].PredictedLabel), (given[i].Id, given[i].PredictedLabel));
            Assert.Equal(expected[i].Before, given[i].Before);
            Assert.Equal(float.IsNaN(expected[i].Score), float.IsNaN(given[i].Score));
            Assert.True(float.IsNaN(given[i].Score)
                || Math.Abs(expected[i].Score - given[i].Score) <= Tolerance.Of(expected[i].Score, 9));
        }
        Assert.True(given.Count(row => float.IsFinite(row.Score)) > 280);
        // another engine has seen nothing, and the model is still there
        using SeriesEngine<Row, Scored> fresh = _ml.CreateSeriesEngine<Row, Scored>(model);
        Assert.Equal(firstRows == LagsOfFirstRows.Skip, fresh.Score(rows[200]) is null);
        Assert.NotNull(engine.Score(rows[299]));
    }

    [Fact]
    public void What_cannot_be_scored_is_refused()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(Rows(30));
        ITransformer filter = _ml.Transforms.Lags("Before", ["Heat"], [1]).Append(new OnlyViews()).Fit(data);
        Assert.Contains("OnlyViews, which does not go row by row",
            Assert.Throws<ArgumentException>(() => _ml.CreateSeriesEngine<Row, Scored>(filter)).Message);
        ITransformer missing = _ml.Transforms.Lags("Before", ["Heat"], [1]).Fit(data);
        Assert.Contains("Column 'Heat' is missing",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.CreateSeriesEngine<Scored, Scored>(missing)).Message);
        SeriesEngine<Row, Lagged> engine = _ml.CreateSeriesEngine<Row, Lagged>(missing);
        Assert.Throws<ArgumentNullException>(() => engine.Score(null!));
        Assert.Null(engine.Score(new Row { Heat = 5 }));
        Assert.Equal([5], engine.Score(new Row { Heat = 6 })!.Before);
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.Score(new Row()));
    }

    [Fact]
    public void A_row_that_cannot_be_read_has_no_result_and_the_next_one_its_own()
    {
        ITransformer model = _ml.Transforms.Lags("Before", ["Heat"], [1], firstRows: LagsOfFirstRows.NaN)
            .Append(_ml.Transforms.CustomMapping<Hot, Hot>((row, hot)
                => hot.Heat = row.Heat < 100 ? row.Heat : throw new InvalidDataException("too hot"), null))
            .Fit(_ml.Data.LoadFromEnumerable(Rows(3)));
        using SeriesEngine<Row, Warm> engine = _ml.CreateSeriesEngine<Row, Warm>(model);
        Assert.Equal(5, engine.Score(new Row { Heat = 5 })!.Heat);
        Assert.ThrowsAny<Exception>(() => engine.Score(new Row { Heat = 101 }));
        Assert.ThrowsAny<Exception>(() => engine.Score(new Row { Heat = 102 }));
        Warm next = engine.Score(new Row { Heat = 6 })!;
        Assert.Equal((6, 102), (next.Heat, next.Before[0])); // lags had read the row
        Assert.Equal(7, engine.Score(new Row { Heat = 7 })!.Heat);
    }

    private static Row[] Rows(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(i => new Row
        {
            Id = i,
            Machine = "abc"[random.Next(3)].ToString(),
            Heat = (float)(Math.Sin(i / 9.0) + 0.2 * Tables.Normal(random)),
            Load = (float)Tables.Normal(random),
        })];
    }

    private sealed class Row
    {
        public int Id { get; set; }

        public string Machine { get; set; } = "";

        public float Heat { get; set; }

        public float Load { get; set; }
    }

    private sealed class Scored
    {
        public int Id { get; set; }

        public float[] Before { get; set; } = [];

        public float Score { get; set; }

        public bool PredictedLabel { get; set; }
    }

    private sealed class Lagged
    {
        public float[] Before { get; set; } = [];
    }

    private sealed class Hot
    {
        public float Heat { get; set; }
    }

    private sealed class Warm
    {
        public float[] Before { get; set; } = [];

        public float Heat { get; set; }
    }

    /// <summary>A transformer of whole views.</summary>
    private sealed class OnlyViews : IEstimator<OnlyViews>, ITransformer
    {
        public bool IsRowToRowMapper => false;

        public OnlyViews Fit(IDataView input) => this;

        public SchemaShape GetOutputSchema(SchemaShape inputSchema) => inputSchema;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => inputSchema;

        public IDataView Transform(IDataView input) => input;

        public Microsoft.ML.Data.IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => throw new NotSupportedException();

        public void Save(ModelSaveContext ctx) => throw new NotSupportedException();
    }
}
