using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Batching;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms;

/// <summary>Latent to features: the flow backwards.</summary>
internal sealed class SamplingMap(FlowRuntime runtime, FlowModel model, string latentColumnName, string outputColumnName, float temperature, int batchSize)
    : BatchMap
{
    /// <inheritdoc/>
    public override string InputColumnName => latentColumnName;

    /// <inheritdoc/>
    public override int InputSize => model.InputShape.Size;

    /// <inheritdoc/>
    public override int BatchSize => batchSize;

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] OutputColumns(DataViewSchema input) => [FeatureColumn(model, outputColumnName)];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(runtime, model, temperature, capacity);

    /// <summary>The column that the flow was trained on: its dimensions and, where the model knows them, its slot names.</summary>
    private static DataViewSchema.DetachedColumn FeatureColumn(FlowModel model, string name)
    {
        var type = new VectorDataViewType(NumberDataViewType.Single, model.InputShape.Dimensions);
        if (model.Metadata.FeatureNames.IsEmpty)
            return new(name, type);
        ReadOnlyMemory<char>[] names = [.. model.Metadata.FeatureNames.Select(feature => feature.AsMemory())];
        var annotations = new DataViewSchema.Annotations.Builder();
        annotations.Add("SlotNames", new VectorDataViewType(TextDataViewType.Instance, names.Length),
            (ref VBuffer<ReadOnlyMemory<char>> value) => new VBuffer<ReadOnlyMemory<char>>(names.Length, names).CopyTo(ref value));
        return new(name, type, annotations.ToAnnotations());
    }

    private sealed class Worker : BatchWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly OnnxBatch _batch;
        private readonly float[] _features;
        private readonly int _size;

        public Worker(FlowRuntime runtime, FlowModel model, float temperature, int capacity)
        {
            _runtime = runtime;
            _size = model.InputShape.Size;
            var latent = OnnxTensor.Rows("Latent", _size, capacity);
            var features = OnnxTensor.Rows("Features", _size, capacity);
            Input = latent.Values;
            _features = features.Values;
            _batch = new OnnxBatch(runtime.Sampling(bulk: capacity > 1), [latent, OnnxTensor.Scalar("Temperature", temperature)], [features]);
        }

        public override float[] Input { get; }

        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            _batch.Run(count);
        }

        public override Delegate CreateGetter(int output, IBatchPosition position)
        {
            float[] features = _features;
            int size = _size;
            return (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => FeatureReader.CopyRow(features, position.Computed(), size, ref value));
        }

        public override void Dispose() => _batch.Dispose();
    }
}
