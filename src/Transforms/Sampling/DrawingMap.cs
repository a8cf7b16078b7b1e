using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>Rows drawn from a flow: the latent of row i, and of a mixture its member, depend on the seed and i alone.</summary>
internal sealed class DrawingMap(FlowRuntime runtime, FlowModel model, string outputColumnName,
    float temperature, int? batchSize, LevelImage? images, int seed)
    : SamplingMap(runtime, model, outputColumnName, temperature, batchSize, images)
{
    /// <summary>All of one size: the noise is at hand, and the same rows stand in the same batches for every number of cursors.</summary>
    public override BatchPlan? Batches => base.Batches! with { First = RowsPerBatch, Most = RowsPerBatch };

    /// <summary>A view of the first <paramref name="count"/> rows, made while they are read: the same ones in every enumeration.</summary>
    public IDataView Draw(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Transform(new RowNumbers(count, () => RowsPerBatch));
    }

    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema) => [];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new DrawingWorker(this, capacity, seed);

    private sealed class DrawingWorker(DrawingMap map, int capacity, int seed) : Worker(map, capacity)
    {
        private readonly GaussianNoise _noise = new(seed);
        private readonly long[] _numbers = new long[capacity];
        private readonly int _members = map.Model.Members.Length;

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs) { }

        public override void Take(int row, in DataViewRowId id) => _numbers[row] = (long)id.Low;

        public override void Run(int count)
        {
            for (int row = 0; row < count; row++)
                _noise.Fill(_numbers[row], Input.AsSpan(row * Size, Size));
            for (int row = 0; row < Members.Length && row < count; row++)
                Members[row] = _noise.Pick(_numbers[row], _members);
            base.Run(count);
        }
    }
}
