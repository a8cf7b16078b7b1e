using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// Batches of rows that are held as one tensor: a new shuffle every epoch; rows that do not fill a batch wait for the next shuffle. Rows
/// with weights are drawn by these anew for each.
/// </summary>
internal sealed class ResidentBatches : IBatchSource
{
    private readonly DeviceRows _rows;
    private readonly DeviceRandom _random;
    private Tensor? _order;
    private long _next;

    /// <summary>Batches of <paramref name="rows"/>, which remain the caller's, in an order that is drawn on their device.</summary>
    public ResidentBatches(DeviceRows rows, int batchSize, DeviceRandom random)
    {
        _rows = rows;
        BatchSize = (int)Math.Min(rows.Count, batchSize);
        _random = random;
    }

    public int BatchSize { get; }

    public double Epochs(long batches) => (double)batches * BatchSize / _rows.Count;

    public Tensor Next()
    {
        if (_order is null || _next + BatchSize > _rows.Count)
        {
            _order?.Dispose();
            _order = Order().DetachFromDisposeScope();
            _next = 0;
        }
        Tensor indices = _order.narrow(0, _next, BatchSize);
        _next += BatchSize;
        return _rows.Rows.index_select(0, indices);
    }

    public void Save(Checkpoint checkpoint)
    {
        checkpoint.Add("batches.next", _next);
        if (_order is not null)
            checkpoint.Add("batches.order", _order);
    }

    public void Restore(Checkpoint checkpoint)
    {
        _next = checkpoint.Integer("batches.next", 0, _rows.Count);
        if (!checkpoint.Has("batches.order"))
            return;
        _order?.Dispose();
        _order = zeros(_rows.Count, dtype: ScalarType.Int64, device: _rows.Rows.device).DetachFromDisposeScope();
        checkpoint.CopyTo("batches.order", _order);
        using DisposeScope scope = NewDisposeScope();
        (long least, long most) = (_order.min().item<long>(), _order.max().item<long>());
        Checkpoint.Require(least >= 0, "batches.order: the first row", least); // a row that is not there ends a process on a GPU
        Checkpoint.Require(most < _rows.Count, "batches.order: the last row", most);
    }

    public void Dispose() => _order?.Dispose();

    private Tensor Order()
    {
        Device device = _rows.Rows.device;
        Tensor order = randperm(_rows.Count, dtype: ScalarType.Int64, device: device, generator: _random.Generator);
        return _rows.Weights is null ? order : RowsByWeight.Draw(_rows.Weights, _rows.Count,
            rand(1, dtype: ScalarType.Float64, device: device, generator: _random.Generator)).index_select(0, order);
    }
}
