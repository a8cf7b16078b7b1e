using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>
/// Rows drawn from a flow: the latent of row i, and of a mixture its member, depend on the seed and i alone. Of a flow with a condition
/// each is drawn given a condition from a column, or without one given that all of it is unknown.
/// </summary>
internal sealed class DrawingMap(FlowRuntime runtime, FlowModel model, string outputColumnName,
    float temperature, int? batchSize, LevelImage? images, int seed, string? conditionColumnName = null)
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

    /// <summary>A view of a number of rows for each row of another one, after which it has that one's columns.</summary>
    public IDataView DrawFor(IDataView conditions, int perRow) => Transform(new RepeatedRows(conditions, perRow));

    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema) => conditionColumnName is null
        ? []
        : [FeatureColumn.Find(schema, conditionColumnName, FlowShape.Vector(Model.Condition!.Size))];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new DrawingWorker(this, capacity, seed);

    private sealed class DrawingWorker : Worker
    {
        private readonly LatentNoise _noise;
        private readonly long[] _numbers;
        private readonly int _size;

        public DrawingWorker(DrawingMap map, int capacity, int seed) : base(map, capacity)
        {
            _noise = new(map.Model, seed);
            _numbers = new long[capacity];
            _size = map.Model.InputShape.Size;
            Array.Fill(Conditions, float.NaN); // where no column gives them
            Inputs = Inputs[1..]; // latents are drawn
        }

        public override void Take(int row, in DataViewRowId id)
        {
            base.Take(row, id);
            _numbers[row] = (long)id.Low;
        }

        public override void Run(int count)
        {
            for (int row = 0; row < count; row++)
            {
                int member = _noise.Fill(_numbers[row], Latents.AsSpan(row * _size, _size));
                if (Members.Length > 0)
                    Members[row] = member;
            }
            base.Run(count);
        }
    }
}
