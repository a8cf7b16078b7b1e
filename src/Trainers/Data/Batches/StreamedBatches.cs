using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data.Rows;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// Batches of rows that pass by: each epoch is a pass over the source, every row of a batch is drawn at random from a pool and its place
/// taken by the next row of the pass, which comes as often as its weight says. What epoch e draws depends on the seed and e alone, so that
/// a position is two numbers and is found again by reading on.
/// </summary>
internal sealed class StreamedBatches : IBatchSource
{
    private readonly Func<TrainingSlicePass> _open;
    private readonly long _rows;
    private readonly int _features;
    private readonly double _perWeight; // how often a row of weight 1 comes; 0 where rows have none
    private readonly long _seed;
    private readonly Device _device;
    private readonly int _places;
    private readonly float[] _pool;
    private TrainingSlicePass? _pass;
    private RowHash _hash;
    private long _epoch = -1;
    private long _batch; // within the epoch
    private long _draw;
    private int _filled;
    private double _reached; // how often the rows so far should have come
    private long _due; // how often the present row has still to come

    /// <summary>Batches of what passes of <paramref name="open"/> yield.</summary>
    /// <param name="open">Begins a pass over the training slice.</param>
    /// <param name="rows">The number of its rows.</param>
    /// <param name="features">D.</param>
    /// <param name="weight">Of all rows together; null where they have none.</param>
    /// <param name="batchSize">Rows per batch.</param>
    /// <param name="pool">Rows to draw from, at least a batch.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="device">Where batches go.</param>
    public StreamedBatches(Func<TrainingSlicePass> open, long rows, int features, double? weight, int batchSize, int pool, long seed,
        Device device)
    {
        (_open, _rows, _features, _seed, _device) = (open, rows, features, seed, device);
        _perWeight = rows / weight ?? 0;
        BatchSize = (int)Math.Min(rows, batchSize);
        _places = (int)Math.Min(Math.Max(pool, BatchSize), rows);
        _pool = new float[RowStore.Length(_places, features, "Lower ShufflePool, or BatchSize where that is larger.")];
    }

    public int BatchSize { get; }

    public double Epochs(long batches) => (double)batches * BatchSize / _rows;

    public Tensor Next()
    {
        var rows = new float[BatchSize * _features];
        if (_pass is null || !Draw(rows))
        {
            Begin(_epoch + 1);
            if (!Draw(rows))
                throw new InvalidOperationException($"A pass over the training rows gave fewer than {BatchSize} rows, where the first "
                    + $"gave {_rows}: the source must give the same rows each time. Cache it, or raise ResidentLimit.");
        }
        _batch++;
        return ToDevice(tensor(rows, [BatchSize, _features], dtype: ScalarType.Float32, device: CPU));
    }

    public void Save(Checkpoint checkpoint)
    {
        checkpoint.Add("batches.epoch", _epoch);
        checkpoint.Add("batches.batch", _batch);
    }

    public void Restore(Checkpoint checkpoint)
    {
        long epoch = checkpoint.Integer("batches.epoch", -1, long.MaxValue),
            batches = checkpoint.Integer("batches.batch", 0, _rows / BatchSize);
        if (epoch < 0)
            return;
        Begin(epoch);
        var rows = new float[BatchSize * _features];
        for (; _batch < batches; _batch++)
        {
            if (!Draw(rows))
                throw new InvalidOperationException($"Batch {_batch} of epoch {epoch} is not there again: the source must give the same "
                    + "rows each time.");
        }
    }

    public void Dispose() => _pass?.Dispose();

    /// <summary>Through pinned memory the copy to a GPU goes on while the next steps are prepared.</summary>
    private Tensor ToDevice(Tensor values) => _device.type == DeviceType.CPU ? values : values.pin_memory().to(_device, non_blocking: true);

    private void Begin(long epoch)
    {
        _pass?.Dispose();
        _pass = _open();
        _epoch = epoch;
        _hash = new RowHash(unchecked(_seed * 1_000_003 + epoch));
        (_batch, _draw, _filled, _due) = (0, 0, 0, 0);
        _reached = _hash.Uniform(-1);
        while (_filled < _places && MoveNext())
            Put(_filled++);
    }

    /// <summary>Goes to the next row, or to the same once more where its weight says so; as <see cref="RowsByWeight"/> does.</summary>
    private bool MoveNext()
    {
        if (_perWeight == 0)
            return _pass!.MoveNext();
        while (_due == 0)
        {
            if (!_pass!.MoveNext())
                return false;
            double before = Math.Floor(_reached);
            _due = (long)(Math.Floor(_reached += _pass.Weight * _perWeight) - before);
        }
        _due--;
        return true;
    }

    /// <summary>Fills a batch, or says that the pass does not suffice.</summary>
    private bool Draw(float[] rows)
    {
        for (int i = 0; i < BatchSize; i++)
        {
            if (_filled == 0)
                return false;
            int place = _hash.Choice(_draw++, _filled);
            _pool.AsSpan(place * _features, _features).CopyTo(rows.AsSpan(i * _features));
            if (MoveNext())
            {
                Put(place);
                continue;
            }
            _filled--; // the last one takes the empty place
            _pool.AsSpan(_filled * _features, _features).CopyTo(_pool.AsSpan(place * _features));
        }
        return true;
    }

    private void Put(int place) => _pass!.Row.CopyTo(_pool.AsSpan(place * _features));
}
