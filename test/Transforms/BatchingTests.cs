using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

public class BatchingTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = Flows.Random();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(256)]
    public void Scores_stand_beside_their_own_rows_where_a_source_never_repeats_itself(int batchSize)
    {
        var random = new Random(1);
        IEnumerable<FeatureRow> Fresh()
        {
            for (int i = 0; i < 1000; i++)
                yield return new FeatureRow { Id = i, Features = Flows.Rows(_model, 1, random.Next())[0] };
        }
        using RealNvpTransformer transformer = new(_ml, _model, batchSize: batchSize);
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(Fresh()));
        for (int i = 0; i < 2; i++)
        {
            ScoredRow[] rows = ScoredRow.All(_ml, view);
            Assert.Equal(Enumerable.Range(0, 1000), rows.Select(row => row.Id));
            Assert.All(rows, row => row.AssertFits(_model));
        }
    }

    [Fact]
    public void Source_is_read_by_one_cursor_once()
    {
        int made = 0;
        IEnumerable<FeatureRow> Counted()
        {
            foreach (FeatureRow row in FeatureRow.Many(_model, 600))
            {
                made++;
                yield return row;
            }
        }
        using RealNvpTransformer transformer = new(_ml, _model);
        ScoredRow.All(_ml, transformer.Transform(_ml.Data.LoadFromEnumerable(Counted())));
        Assert.Equal(600, made);
    }

    [Fact]
    public void Row_scores_the_same_in_any_batch_beside_any_neighbours_and_alone()
    {
        FeatureRow[] data = FeatureRow.Many(_model, 700);
        using RealNvpTransformer one = new(_ml, _model, batchSize: 1), seven = new(_ml, _model, batchSize: 7), bulk = new(_ml, _model);
        float[] alone = [.. one.Transform(_ml.Data.LoadFromEnumerable(data)).GetColumn<float>("Score")];
        float[] bySeven = [.. seven.Transform(_ml.Data.LoadFromEnumerable(data)).GetColumn<float>("Score")];
        float[] byMany = [.. bulk.Transform(_ml.Data.LoadFromEnumerable(data)).GetColumn<float>("Score")];
        float[] reversed = [.. bulk.Transform(_ml.Data.LoadFromEnumerable(data.Reverse())).GetColumn<float>("Score").Reverse()];
        using PredictionEngine<FeatureRow, ScoredRow> engine = _ml.Model.CreatePredictionEngine<FeatureRow, ScoredRow>(bulk);
        for (int i = 0; i < data.Length; i++)
        {
            double tolerance = Tolerance.Of(alone[i], FeatureRow.Size);
            Assert.Equal(alone[i], bySeven[i], tolerance);
            Assert.Equal(alone[i], byMany[i], tolerance);
            Assert.Equal(alone[i], reversed[i], tolerance);
            Assert.Equal(alone[i], engine.Predict(data[i]).Score, tolerance);
        }
    }

    [Fact]
    public void Columns_of_every_kind_pass_through_unchanged()
    {
        const int count = 300;
        float[][] features = Flows.Rows(_model, count, 4);
        Mixed[] data = [.. Enumerable.Range(0, count).Select(i => new Mixed
        {
            Features = features[i], Number = i, Flag = i % 3 == 0, Text = $"text {i}", Key = (uint)(i % 5),
                Date = new DateTime(2000, 1, 1).AddHours(i),
            Wide = 0.5 * i, Variable = new float[i % 4], Words = [$"a{i}", "b"],
            Image = MLImage.CreateFromPixels(2, 1, MLPixelFormat.Rgba32, [(byte)i, 2, 3, 255, 5, 6, 7, 255]),
        })];
        foreach (Mixed row in data)
            Array.Fill(row.Variable, row.Number);
        using RealNvpTransformer transformer = new(_ml, _model, batchSize: 64);
        IDataView source = _ml.Data.LoadFromEnumerable(data), view = transformer.Transform(source);
        for (int round = 0; round < 2; round++)
        {
            using DataViewRowCursor plain = source.GetRowCursor(source.Schema), cursor = view.GetRowCursor(view.Schema);
            ValueGetter<DataViewRowId> plainId = plain.GetIdGetter(), id = cursor.GetIdGetter();
            ValueGetter<uint> plainKey = plain.GetGetter<uint>(source.Schema["Key"]), key = cursor.GetGetter<uint>(view.Schema["Key"]);
            ValueGetter<MLImage> image = cursor.GetGetter<MLImage>(view.Schema["Image"]);
            ValueGetter<VBuffer<float>> variable = cursor.GetGetter<VBuffer<float>>(view.Schema["Variable"]);
            ValueGetter<VBuffer<float>> vector = cursor.GetGetter<VBuffer<float>>(view.Schema["Features"]);
            ValueGetter<VBuffer<ReadOnlyMemory<char>>> words = cursor.GetGetter<VBuffer<ReadOnlyMemory<char>>>(view.Schema["Words"]);
            ValueGetter<ReadOnlyMemory<char>> text = cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Text"]);
            ValueGetter<DateTime> date = cursor.GetGetter<DateTime>(view.Schema["Date"]);
            ValueGetter<double> wide = cursor.GetGetter<double>(view.Schema["Wide"]);
            ValueGetter<bool> flag = cursor.GetGetter<bool>(view.Schema["Flag"]);
            ValueGetter<float> score = cursor.GetGetter<float>(view.Schema["Score"]);
            MLImage? picture = null;
            for (int i = 0; i < count; i++)
            {
                Assert.True(plain.MoveNext() && cursor.MoveNext());
                Assert.Equal(plain.Position, cursor.Position);
                Assert.Equal(Value(plainId), Value(id));
                Assert.Equal(Value(plainKey), Value(key));
                Assert.Equal(data[i].Text, Value(text).ToString());
                Assert.Equal(data[i].Date, Value(date));
                Assert.Equal(data[i].Wide, Value(wide));
                Assert.Equal(data[i].Flag, Value(flag));
                Assert.Equal(data[i].Variable, Value(variable).DenseValues());
                Assert.Equal(data[i].Features, Value(vector).DenseValues());
                Assert.Equal(data[i].Words, Value(words).DenseValues().Select(word => word.ToString()));
                MLImage? before = picture;
                image(ref picture!);
                Assert.NotSame(before, picture);
                Assert.Equal((byte)i, picture.Pixels[0]);
                Assert.Equal(2, picture.Width);
                MLImage? again = null; // a second read is an image of its own, which its reader may dispose
                image(ref again!);
                again.Dispose();
                Assert.Equal(7, picture.Pixels[6]);
                Assert.Equal(-Flows.Evaluate(_model, features[i]).LogLikelihood, Value(score), 0.01);
            }
            Assert.False(plain.MoveNext() || cursor.MoveNext());
            Assert.False(cursor.MoveNext());
            Assert.Equal(-1, cursor.Position);
        }
        Assert.All(data, row => Assert.Equal(2, row.Image.Width)); // the caller's own images are whole
    }

    [Fact]
    public void Vectors_given_out_belong_to_the_reader()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 10)));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<VBuffer<float>> latent = cursor.GetGetter<VBuffer<float>>(view.Schema["Latent"]);
        Assert.True(cursor.MoveNext());
        VBuffer<float> first = default, second = default;
        latent(ref first);
        float[] kept = [.. first.DenseValues()];
        VBufferEditor.CreateFromBuffer(ref first).Values.Clear();
        latent(ref second);
        Assert.Equal(kept, second.DenseValues());
    }

    [Fact]
    public void Whole_pipelines_work_as_with_any_transformer()
    {
        Parts[] data = [.. FeatureRow.Many(_model, 600)
            .Select(row => new Parts { Id = row.Id, A = row.Features[..2], B = row.Features[2..] })];
        IDataView source = _ml.Data.LoadFromEnumerable(data);
        using TransformerChain<ITransformer> chain = new(_ml.Transforms.Concatenate("Features", "A", "B")
            .Append(_ml.Transforms.ApplyRealNvp(_model)).Append(_ml.Transforms.CopyColumns("Copy", "Score")).Fit(source).ToArray());
        IDataView scored = chain.Transform(source);
        ScoredRow[] rows = ScoredRow.All(_ml, scored);
        Assert.All(rows, row => row.AssertFits(_model));
        Assert.Equal(scored.GetColumn<float>("Score"), scored.GetColumn<float>("Copy"));

        using PredictionEngine<Parts, ScoredRow> engine = _ml.Model.CreatePredictionEngine<Parts, ScoredRow>(chain);
        Assert.All(data.Take(20), row => engine.Predict(row).AssertFits(_model));

        Assert.Equal(5, scored.Preview(5).RowView.Length);
        Assert.Equal(rows.Select(row => row.Score), _ml.Data.Cache(scored).GetColumn<float>("Score"));
        ScoredRow[] shuffled = ScoredRow.All(_ml, _ml.Data.ShuffleRows(scored, seed: 3));
        Assert.All(shuffled, row => row.AssertFits(_model));
        Assert.Equal(rows.Select(row => row.Id), shuffled.Select(row => row.Id).Order());
        Assert.NotEqual(rows.Select(row => row.Id), shuffled.Select(row => row.Id));
        Assert.Equal(rows.Where(row => row.Score < 20).Select(row => row.Id),
            ScoredRow.All(_ml, _ml.Data.FilterRowsByColumn(scored, "Score", upperBound: 20)).Select(row => row.Id));
        foreach (DataOperationsCatalog.TrainTestData fold in _ml.Data.CrossValidationSplit(scored, 3))
        {
            ScoredRow[] part = ScoredRow.All(_ml, fold.TestSet);
            Assert.InRange(part.Length, 100, 300);
            Assert.All(part, row => row.AssertFits(_model));
        }
        Assert.Equal(rows.Length, scored.GetRowCount() ?? rows.Length);
    }

    [Fact]
    public void One_transformer_serves_many_threads_and_cursor_sets()
    {
        IDataView source = _ml.Data.Cache(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 3000)));
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(source);
        float[] expected = [.. view.GetColumn<float>("Score")];
        Parallel.For(0, 8, _ => Assert.Equal(expected, view.GetColumn<float>("Score")));

        int[] ids = new int[3000];
        DataViewRowCursor[] cursors = view.GetRowCursorSet(view.Schema, 4);
        Parallel.ForEach(cursors, cursor =>
        {
            using (cursor)
            {
                ValueGetter<int> id = cursor.GetGetter<int>(view.Schema["Id"]);
                ValueGetter<float> score = cursor.GetGetter<float>(view.Schema["Score"]);
                while (cursor.MoveNext())
                {
                    Assert.Equal(expected[Value(id)], Value(score), Tolerance.Of(expected[Value(id)], FeatureRow.Size));
                    Interlocked.Increment(ref ids[Value(id)]);
                }
            }
        });
        Assert.All(ids, seen => Assert.Equal(1, seen));
    }

    [Fact]
    public void Nothing_is_computed_where_no_added_column_is_asked_for()
    {
        int made = 0;
        IEnumerable<FeatureRow> Counted()
        {
            foreach (FeatureRow row in FeatureRow.Many(_model, 600))
            {
                made++;
                yield return row;
            }
        }
        RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(Counted()));
        transformer.Dispose(); // would throw if the flow were touched
        Assert.Equal(0, view.GetColumn<int>("Id").First());
        Assert.Equal(1, made); // and nothing is read ahead
    }

    [Fact]
    public void Misused_cursors_say_so()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 10)));
        DataViewRowCursor cursor = view.GetRowCursor([view.Schema["Score"]]);
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<float>(view.Schema["PValue"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<float>(view.Schema["Features"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<double>(view.Schema["Score"]));
        ValueGetter<float> score = cursor.GetGetter<float>(view.Schema["Score"]);
        Assert.Throws<InvalidOperationException>(() => Value(score));
        Assert.True(cursor.IsColumnActive(view.Schema["Score"]));
        Assert.False(cursor.IsColumnActive(view.Schema["Features"]));
        while (cursor.MoveNext())
            Value(score);
        Assert.Throws<InvalidOperationException>(() => Value(score));
        cursor.Dispose();
        cursor.Dispose();
        Assert.False(cursor.MoveNext());
        Assert.Throws<ArgumentOutOfRangeException>(() => new RealNvpTransformer(_ml, _model, batchSize: 0));
    }

    private static T Value<T>(ValueGetter<T> getter)
    {
        T value = default!;
        getter(ref value);
        return value;
    }

    private sealed class Parts
    {
        public int Id { get; set; }

        [VectorType(2)]
        public float[] A { get; set; } = [];

        [VectorType(3)]
        public float[] B { get; set; } = [];
    }

    private sealed class Mixed
    {
        [VectorType(FeatureRow.Size)]
        public float[] Features { get; set; } = [];

        public int Number { get; set; }

        public bool Flag { get; set; }

        public string Text { get; set; } = "";

        [KeyType(6)]
        public uint Key { get; set; }

        public DateTime Date { get; set; }

        public double Wide { get; set; }

        public float[] Variable { get; set; } = [];

        [VectorType(2)]
        public string[] Words { get; set; } = [];

        [Microsoft.ML.Transforms.Image.ImageType(1, 2)]
        public MLImage Image { get; set; } = null!;
    }
}
