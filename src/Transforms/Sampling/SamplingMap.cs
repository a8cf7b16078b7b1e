using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>Latent to features, or to images: the flow backwards.</summary>
internal sealed class SamplingMap(FlowRuntime runtime, FlowModel model, string latentColumnName, string outputColumnName,
    float temperature, int? batchSize, LevelImage? images)
    : BatchMap(runtime)
{
    /// <inheritdoc/>
    public override string InputColumnName => latentColumnName;

    /// <inheritdoc/>
    public override FlowShape InputShape { get; } = FlowShape.Vector(model.InputShape.Size);

    /// <inheritdoc/>
    public override int BatchSize => Runtime.RowsPerBatch(batchSize);

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] OutputColumns(DataViewSchema input) => images is not null
        ? [new(outputColumnName, images.Type)]
        : [new(outputColumnName, new VectorDataViewType(NumberDataViewType.Single, model.InputShape.Dimensions), SlotNames.Of(model.Metadata.FeatureNames))];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => CreateSamplingWorker(capacity);

    /// <summary>A worker whose rows can also pick the member of a mixture.</summary>
    public Worker CreateSamplingWorker(int capacity) => new(Runtime, model, images, temperature, capacity);

    /// <summary>Runs the sampling graph.</summary>
    internal sealed class Worker : BatchWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly OnnxBatch _batch;
        private readonly LevelImage? _images;
        private readonly float[] _features;
        private readonly int _size;

        public Worker(FlowRuntime runtime, FlowModel model, LevelImage? images, float temperature, int capacity)
        {
            _runtime = runtime;
            _images = images;
            _size = model.InputShape.Size;
            var latent = OnnxTensor.Rows("Latent", _size, capacity);
            var features = OnnxTensor.Rows("Features", _size, capacity);
            var member = OnnxTensor.Rows("Member", 1, model.IsMixture ? capacity : 0);
            Input = latent.Values;
            Members = member.Values;
            MemberCount = model.Members.Length;
            _features = features.Values;
            OnnxTensor[] inputs = [latent, OnnxTensor.Scalar("Temperature", temperature), .. model.IsMixture ? [member] : (OnnxTensor[])[]];
            _batch = new OnnxBatch(runtime.Sampling, inputs, [features]);
        }

        public override float[] Input { get; }

        /// <summary>The member that each row is drawn from; empty but for a mixture.</summary>
        public float[] Members { get; }

        /// <summary>The number of members to pick from.</summary>
        public int MemberCount { get; }

        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            _batch.Run(count);
        }

        public override Delegate CreateGetter(int output, IBatchPosition position)
        {
            if (_images is not null)
                return _images.CreateGetter(_features, position);
            float[] features = _features;
            int size = _size;
            return (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => FeatureReader.CopyRow(features, position.Computed(), size, ref value));
        }

        public override void Dispose() => _batch.Dispose();
    }
}
