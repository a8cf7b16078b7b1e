using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>The rows of each batch: a new shuffle every epoch; rows that do not fill a batch wait for the next shuffle.</summary>
internal sealed class BatchOrder : IDisposable
{
    private readonly long _rows;
    private readonly Generator _generator;
    private readonly Device _device;
    private Tensor? _order;
    private long _next;

    public BatchOrder(long rows, int batchSize, Generator generator, Device device)
    {
        _rows = rows;
        BatchSize = (int)Math.Min(rows, batchSize);
        _generator = generator;
        _device = device;
    }

    /// <summary>Rows per batch.</summary>
    public int BatchSize { get; }

    /// <summary>Passes over the rows after so many steps.</summary>
    public double Epochs(long steps) => (double)steps * BatchSize / _rows;

    /// <summary>The row indices of the next batch, int64 on the device.</summary>
    public Tensor Next()
    {
        if (_order is null || _next + BatchSize > _rows)
        {
            _order?.Dispose();
            _order = randperm(_rows, device: _device, generator: _generator).DetachFromDisposeScope();
            _next = 0;
        }
        Tensor batch = _order.narrow(0, _next, BatchSize);
        _next += BatchSize;
        return batch;
    }

    public void Dispose() => _order?.Dispose();
}
