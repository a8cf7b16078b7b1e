using System.Collections.Concurrent;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>
/// Batches that are computed ahead on idle cores: the same rows in the same order as one core gives, and a clean end in every case. The
/// number of cores is a setting of the process.
/// </summary>
[Collection<Alone>]
public sealed class CoresTests : IDisposable
{
    private const int Plenty = 20_000; // several batches of the largest size

    private readonly int _max = RealNvpCores.Max;
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = Flows.Random();

    public void Dispose() => RealNvpCores.Max = _max;

    [Fact]
    public void Rows_and_values_are_those_of_one_core_for_every_number_of_rows()
    {
        FeatureRow[] data = FeatureRow.Many(_model, Plenty);
        using RealNvpTransformer transformer = new(_ml, _model);
        // around the borders of the batches of 16, 64, 256 and 1,024 rows
        foreach (int count in new[] { 0, 1, 15, 16, 17, 79, 80, 81, 335, 336, 337, 1359, 1360, 1361, 2383, 2384, 2385, 3408, 9000, Plenty })
        {
            IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(data.Take(count)));
            (int, float, float)[] Read() => [.. ScoredRow.All(_ml, view).Select(row => (row.Id, row.Score, row.Latent[1]))];
            RealNvpCores.Max = 1;
            (int, float, float)[] expected = Read();
            Assert.Equal(count, expected.Length);
            RealNvpCores.Max = 4;
            Assert.Equal(expected, Read());
        }
    }

    [Fact]
    public void Scores_fit_their_own_rows_where_a_source_never_repeats_itself()
    {
        RealNvpCores.Max = 3;
        var random = new Random(1);
        IEnumerable<FeatureRow> Fresh()
        {
            for (int i = 0; i < Plenty; i++)
                yield return new FeatureRow { Id = i, Features = Flows.Rows(_model, 1, random.Next())[0] };
        }
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(Fresh()));
        for (int i = 0; i < 2; i++)
        {
            ScoredRow[] rows = ScoredRow.All(_ml, view);
            Assert.Equal(Enumerable.Range(0, Plenty), rows.Select(row => row.Id));
            Assert.All(rows, row => row.AssertFits(_model));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Samples_are_those_of_one_core(int cores)
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        float[][] Read() => [.. transformer.Sample(Plenty, seed: 3).GetColumn<float[]>("Features")];
        RealNvpCores.Max = 1;
        float[][] expected = Read();
        RealNvpCores.Max = cores;
        Assert.Equal(expected, Read());
    }

    [Fact]
    public void Several_cursors_at_once_give_the_same_rows()
    {
        RealNvpCores.Max = 3;
        IDataView source = _ml.Data.Cache(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, Plenty)));
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(source);
        float[] expected = [.. view.GetColumn<float>("Score")];
        Parallel.For(0, 6, new ParallelOptions { MaxDegreeOfParallelism = 6 },
            _ => Assert.Equal(expected, view.GetColumn<float>("Score")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(1000)]
    [InlineData(7007)]
    public void Error_of_the_source_comes_at_its_row_and_rows_before_and_after_are_whole(int at)
    {
        RealNvpCores.Max = 3;
        using RealNvpTransformer transformer = new(_ml, _model);
        int read = 0;
        IDataView source = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 9000).Select(row =>
        {
            read++;
            return new BrokenRow { Id = row.Id, Given = row.Features, Breaks = row.Id == at };
        }));
        IDataView view = transformer.Transform(source);
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<int> id = cursor.GetGetter<int>(view.Schema["Id"]);
        ValueGetter<float> score = cursor.GetGetter<float>(view.Schema["Score"]);
        void Check(int row)
        {
            Assert.True(cursor.MoveNext());
            Assert.Equal(row, cursor.Position);
            int number = 0;
            float value = 0;
            id(ref number);
            score(ref value);
            Assert.Equal(row, number);
        }
        for (int row = 0; row < at; row++)
            Check(row);
        Assert.InRange(read, at, at + 1); // a source that is broken is left alone until the reader knows
        Assert.Equal("row is broken", Assert.Throws<FormatException>(() => cursor.MoveNext()).Message);
        for (int row = at + 1; row < 9000; row++)
            Check(row);
        Assert.False(cursor.MoveNext());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7007)]
    public void Source_that_breaks_off_gives_its_rows_then_the_error_then_the_end(int at)
    {
        RealNvpCores.Max = 3;
        using RealNvpTransformer transformer = new(_ml, _model);
        IEnumerable<FeatureRow> Rows()
        {
            foreach (FeatureRow row in FeatureRow.Many(_model, 9000))
                yield return row.Id == at ? throw new FormatException("the source broke off") : row;
        }
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(Rows()));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<float> score = cursor.GetGetter<float>(view.Schema["Score"]);
        float value = 0;
        for (int row = 0; row < at; row++)
        {
            Assert.True(cursor.MoveNext());
            score(ref value);
        }
        Assert.Throws<FormatException>(() => cursor.MoveNext());
        Assert.False(cursor.MoveNext());
    }

    [Fact]
    public void Batches_are_computed_side_by_side_and_no_more_than_there_are_cores()
    {
        foreach (int cores in new[] { 2, 3 })
        {
            RealNvpCores.Max = cores;
            using var map = new SlowMap();
            int[] doubled = [.. map.Transform(_ml.Data.LoadFromEnumerable(Numbers(4000))).GetColumn<int>("Twice")];
            Assert.Equal(Numbers(4000).Select(row => 2 * row.Number), doubled);
            Assert.Equal(cores, map.MostAtOnce); // the reader and its helpers
            Assert.InRange(map.Workers, 2, 2 * cores + 2);
        }
    }

    [Fact]
    public void Readers_that_keep_the_cores_busy_by_themselves_get_hardly_a_helper()
    {
        RealNvpCores.Max = 2;
        using var map = new SlowMap();
        IDataView view = map.Transform(_ml.Data.LoadFromEnumerable(Numbers(2000)));
        var failures = new ConcurrentQueue<Exception>();
        Thread[] readers = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            try
            {
                Assert.Equal(Numbers(2000).Select(row => 2 * row.Number), view.GetColumn<int>("Twice"));
            }
            catch (Exception e)
            {
                failures.Enqueue(e);
            }
        }))];
        foreach (Thread reader in readers)
            reader.Start();
        foreach (Thread reader in readers)
            reader.Join();
        Assert.Empty(failures);
        int byReaders = map.Threads.Count(readers.Select(reader => reader.ManagedThreadId).Contains);
        Assert.InRange(map.Threads.Count - byReaders, 0, map.Threads.Count / 8);
        Assert.InRange(map.MostAtOnce, 2, 5);
    }

    [Fact]
    public void One_core_computes_on_the_readers_thread_and_reads_one_batch_ahead()
    {
        RealNvpCores.Max = 1;
        using var map = new SlowMap();
        int read = 0;
        IEnumerable<Numbered> source = Numbers(1000).Select(row =>
        {
            read++;
            return row;
        });
        IDataView view = map.Transform(_ml.Data.LoadFromEnumerable(source));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<int> twice = cursor.GetGetter<int>(view.Schema["Twice"]);
        int value = 0;
        for (int row = 0; row < 500; row++)
        {
            Assert.True(cursor.MoveNext());
            twice(ref value);
            Assert.InRange(read, row + 1, row + SlowMap.Most);
        }
        Assert.Equal([Environment.CurrentManagedThreadId], map.Threads.Distinct());
        Assert.Equal(1, map.Workers);
    }

    [Fact]
    public void Readers_of_few_rows_and_of_slow_sources_have_nothing_read_ahead()
    {
        RealNvpCores.Max = 4;
        using var map = new SlowMap { Milliseconds = 1 };
        int read = 0;
        IEnumerable<Numbered> source = Numbers(400).Select(row =>
        {
            read++;
            Thread.Sleep(row.Number < 20 ? 0 : 1); // 16 milliseconds a batch
            return row;
        });
        IDataView view = map.Transform(_ml.Data.LoadFromEnumerable(source));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<int> twice = cursor.GetGetter<int>(view.Schema["Twice"]);
        int value = 0;
        for (int row = 0; row < 400; row++)
        {
            Assert.True(cursor.MoveNext());
            twice(ref value);
            if (row is 3 or > 100)
                Assert.InRange(read, row + 1, row + SlowMap.Most);
        }
    }

    [Fact]
    public void Columns_that_nobody_reads_are_not_computed_ahead()
    {
        RealNvpCores.Max = 4;
        using var map = new SlowMap();
        IDataView view = map.Transform(_ml.Data.LoadFromEnumerable(Numbers(1000)));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<int> number = cursor.GetGetter<int>(view.Schema["Number"]), twice = cursor.GetGetter<int>(view.Schema["Twice"]);
        int value = 0, computed = 0;
        for (int row = 0; cursor.MoveNext(); row++)
        {
            number(ref value);
            Assert.Equal(row, value);
            if (row < 200)
                twice(ref value);
            else if (row == 500)
                computed = map.Threads.Count;
        }
        Assert.InRange(computed, 200 / SlowMap.Most, 200 / SlowMap.Most + 12);
        Assert.Equal(computed, map.Threads.Count);
    }

    [Fact]
    public void Abandoned_cursor_waits_for_what_is_computed_and_lets_go_of_all()
    {
        RealNvpCores.Max = 4;
        using var map = new SlowMap();
        IDataView view = map.Transform(_ml.Data.LoadFromEnumerable(Numbers(100_000)));
        for (int i = 0; i < 20; i++)
        {
            using (DataViewRowCursor cursor = view.GetRowCursor(view.Schema))
            {
                ValueGetter<int> twice = cursor.GetGetter<int>(view.Schema["Twice"]);
                int value = 0;
                for (int row = 0; row < 100 + i; row++)
                {
                    Assert.True(cursor.MoveNext());
                    twice(ref value);
                }
            }
            Assert.Equal(0, map.AtOnce); // nobody computes any more
            Assert.Equal(0, map.Alive); // and every worker's memory is given back, once
        }
        Assert.True(map.MostAtOnce > 1, "nothing was in work when the cursors were abandoned");
    }

    [Fact]
    public void Error_of_a_computation_comes_where_its_rows_are_read_and_passes()
    {
        RealNvpCores.Max = 3;
        using var map = new SlowMap { FailingNumber = 777 };
        IDataView view = map.Transform(_ml.Data.LoadFromEnumerable(Numbers(2000)));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<int> twice = cursor.GetGetter<int>(view.Schema["Twice"]);
        int value = 0, errors = 0;
        for (int row = 0; row < 2000; row++)
        {
            Assert.True(cursor.MoveNext());
            try
            {
                twice(ref value);
                Assert.Equal(2 * row, value);
            }
            catch (FormatException)
            {
                errors++;
                Assert.InRange(row, 777 - SlowMap.Most, 777 + SlowMap.Most);
            }
        }
        Assert.InRange(errors, 1, SlowMap.Most);
    }

    [Fact]
    public void Disposed_transformer_ends_a_cursor_with_an_error_and_no_crash()
    {
        RealNvpCores.Max = 4;
        RealNvpTransformer transformer = new(_ml, _model);
        IDataView view = transformer.Transform(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, Plenty)));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        ValueGetter<float> score = cursor.GetGetter<float>(view.Schema["Score"]);
        ValueGetter<int> id = cursor.GetGetter<int>(view.Schema["Id"]);
        ValueGetter<VBuffer<float>> features = cursor.GetGetter<VBuffer<float>>(view.Schema["Features"]);
        VBuffer<float> row = default;
        int number = 0;
        float value = 0;
        var error = Assert.Throws<ObjectDisposedException>(() =>
        {
            for (int i = 0; i < Plenty; i++)
            {
                if (i == 5000)
                    transformer.Dispose();
                Assert.True(cursor.MoveNext());
                id(ref number);
                Assert.Equal(i, number);
                score(ref value);
                features(ref row);
                double expected = -Flows.Evaluate(_model, [.. row.DenseValues()]).LogLikelihood;
                Assert.Equal(expected, value, Tolerance.Of(expected, FeatureRow.Size));
            }
        });
        Assert.Contains(nameof(RealNvpTransformer), error.Message, StringComparison.Ordinal);
        Assert.True(number >= 5000);
    }

    [Fact]
    public void Cores_below_one_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => RealNvpCores.Max = 0);

    private static IEnumerable<Numbered> Numbers(int count) => Enumerable.Range(0, count).Select(i => new Numbered { Number = i });

    private sealed class BrokenRow
    {
        public int Id { get; set; }

        [NoColumn]
        public bool Breaks { get; set; }

        [NoColumn]
        public float[] Given { get; set; } = [];

        [VectorType(FeatureRow.Size)]
        public float[] Features => Breaks ? throw new FormatException("row is broken") : Given;
    }

    private sealed class Numbered
    {
        public int Number { get; set; }
    }

    /// <summary>Doubles numbers, slowly, and takes notes of who does what.</summary>
    private sealed class SlowMap : RowMap, IDisposable
    {
        public const int Most = 16;

        private int _atOnce;
        private int _alive;
        private int _workers;
        private int _mostAtOnce;

        public int Milliseconds { get; init; } = 2;

        public int? FailingNumber { get; init; }

        public ConcurrentQueue<int> Threads { get; } = [];

        public int AtOnce => _atOnce;

        public int MostAtOnce => _mostAtOnce;

        public int Alive => _alive;

        public int Workers => _workers;

        public override BatchPlan? Batches => new(First: 4, Usual: 16, Most, SideBySide: true);

        public override DataViewSchema.Column[] FindInputs(DataViewSchema schema) => [schema["Number"]];

        public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input) => [new("Twice", NumberDataViewType.Int32)];

        public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(this, capacity);

        public void Dispose() => Assert.Equal(0, _atOnce);

        private sealed class Worker : BatchWorker
        {
            private readonly SlowMap _map;
            private readonly int[] _numbers;
            private readonly int[] _doubled;
            private ValueGetter<int>? _getter;
            private int _disposed;
            private int _running;

            public Worker(SlowMap map, int capacity)
            {
                (_map, _numbers, _doubled) = (map, new int[capacity], new int[capacity]);
                Interlocked.Increment(ref map._alive);
                Interlocked.Increment(ref map._workers);
            }

            public override void Open(DataViewRow source, DataViewSchema.Column[] inputs) => _getter = source.GetGetter<int>(inputs[0]);

            public override void Take(int row, in DataViewRowId id)
            {
                Assert.Equal(0, _running);
                _getter!(ref _numbers[row]);
            }

            public override void Run(int count)
            {
                Assert.Equal(1, Interlocked.Increment(ref _running));
                int atOnce = Interlocked.Increment(ref _map._atOnce), most;
                while (atOnce > (most = _map._mostAtOnce))
                    Interlocked.CompareExchange(ref _map._mostAtOnce, atOnce, most);
                _map.Threads.Enqueue(Environment.CurrentManagedThreadId);
                try
                {
                    Thread.Sleep(_map.Milliseconds);
                    Assert.Equal(0, _disposed);
                    for (int row = 0; row < count; row++)
                    {
                        if (_numbers[row] == _map.FailingNumber)
                            throw new FormatException("the number fails");
                        _doubled[row] = 2 * _numbers[row];
                    }
                }
                finally
                {
                    Interlocked.Decrement(ref _map._atOnce);
                    Interlocked.Decrement(ref _running);
                }
            }

            public override Delegate CreateGetter(int added, IBatchPosition position)
                => (ValueGetter<int>)((ref int value) => value = _doubled[position.Computed()]);

            public override Delegate CreateInputGetter(int input, IBatchPosition position)
                => (ValueGetter<int>)((ref int value) => value = _numbers[position.Row]);

            public override void Dispose()
            {
                Assert.Equal(0, _running);
                Assert.Equal(1, ++_disposed);
                Interlocked.Decrement(ref _map._alive);
            }
        }
    }
}
