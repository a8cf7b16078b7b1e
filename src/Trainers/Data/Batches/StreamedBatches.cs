using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data.Rows;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// Batches of rows that pass by: each epoch is a pass over the source, every row of a batch is drawn at random from a pool and its place
/// taken by the next row of the pass. What epoch e draws depends on the seed and e alone, so that a position is two numbers and is found
/// again by reading on.
/// </summary>
internal sealed class StreamedBatches : IBatchSource
{
    private readonly Func<TrainingSlicePass> _open;
    private readonly long _rows;
    private readonly int _features;
    private readonly bool _weighted;
    private readonly long _seed;
    private readonly Device _device;
    private readonly float[] _pool;
    private readonly float[] _poolWeights;
    private TrainingSlicePass? _pass;
    private RowHash _hash;
    private long _epoch = -1;
    private long _batch; // within the epoch
    private long _draw;
    private int _filled;

    /// <summary>Batches of what passes of <paramref name="open"/> yield.</summary>
    /// <param name="open">Begins a pass over the training slice.</param>
    /// <param name="rows">The number of its rows.</param>
    /// <param name="features">D.</param>
    /// <param name="weighted">Whether rows have weights.</param>
    /// <param name="batchSize">Rows per batch.</param>
    /// <param name="pool">Rows to draw from, at least a batch.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="device">Where batches go.</param>
    public StreamedBatches(Func<TrainingSlicePass> open, long rows, int features, bool weighted, int batchSize, int pool, long seed,
        Device device)
    {
        (_open, _rows, _features, _weighted, _seed, _device) = (open, rows, features, weighted, seed, device);
        BatchSize = (int)Math.Min(rows, batchSize);
        int places = (int)Math.Min(Math.Max(pool, BatchSize), rows);
        _pool = new float[RowStore.Length(places, features, "Lower ShufflePool, or BatchSize where that is larger.")];
        _poolWeights = new float[places];
    }

    public int BatchSize { get; }

    public double Epochs(long batches) => (double)batches * BatchSize / _rows;

    public (Tensor Rows, Tensor? Weights) Next()
    {
        var rows = new float[BatchSize * _features];
        var weights = new float[BatchSize];
        if (_pass is null || !Draw(rows, weights))
        {
            Begin(_epoch + 1);
            if (!Draw(rows, weights))
                throw new InvalidOperationException($"A pass over the training rows gave fewer than {BatchSize} rows, where the first "
                    + $"gave {_rows}: the source must give the same rows each time. Cache it, or raise ResidentLimit.");
        }
        _batch++;
        return (ToDevice(tensor(rows, [BatchSize, _features], dtype: ScalarType.Float32, device: CPU)),
            _weighted ? ToDevice(tensor(weights, dtype: ScalarType.Float32, device: CPU)) : null);
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
        var weights = new float[BatchSize];
        for (; _batch < batches; _batch++)
        {
            if (!Draw(rows, weights))
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
        (_batch, _draw, _filled) = (0, 0, 0);
        while (_filled < _poolWeights.Length && _pass.MoveNext())
            Put(_filled++);
    }

    /// <summary>Fills a batch, or says that the pass does not suffice.</summary>
    private bool Draw(float[] rows, float[] weights)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            if (_filled == 0)
                return false;
            int place = _hash.Choice(_draw++, _filled);
            _pool.AsSpan(place * _features, _features).CopyTo(rows.AsSpan(i * _features));
            weights[i] = _poolWeights[place];
            if (_pass!.MoveNext())
            {
                Put(place);
                continue;
            }
            _filled--; // the last one takes the empty place
            _pool.AsSpan(_filled * _features, _features).CopyTo(_pool.AsSpan(place * _features));
            _poolWeights[place] = _poolWeights[_filled];
        }
        return true;
    }

    private void Put(int place)
    {
        _pass!.Row.CopyTo(_pool.AsSpan(place * _features));
        _poolWeights[place] = _pass.Weight;
    }
}
