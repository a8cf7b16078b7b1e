using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>The flow backwards, to a column of features or of images: what latents are read from is a matter of the maps below.</summary>
internal abstract class SamplingMap(
    FlowRuntime runtime, FlowModel model, string outputColumnName, float temperature, int? batchSize, LevelImage? images) : RowMap
{
    private FlowRuntime Runtime => runtime;

    private LevelImage? Images => images;

    /// <summary>Multiplies the latents.</summary>
    protected float Temperature => temperature;

    /// <summary>The flow.</summary>
    protected FlowModel Model => model;

    /// <summary>Rows per batch where no more are wanted.</summary>
    protected int RowsPerBatch => runtime.RowsPerBatch(batchSize);

    /// <inheritdoc/>
    public override BatchPlan? Batches => new(First: 16, RowsPerBatch, runtime.MostRowsPerBatch(batchSize),
        FlowRuntime.RunsSideBySide(runtime.Sampling, batchSize));

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input)
    {
        if (images is not null)
            return [new(outputColumnName, images.Type)];
        var type = new VectorDataViewType(NumberDataViewType.Single, model.InputShape.Dimensions);
        return [new(outputColumnName, type, SlotNames.Of(model.Metadata.FeatureNames))];
    }

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(this, capacity);

    /// <summary>Runs the sampling graph.</summary>
    protected class Worker : VectorWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly OnnxBatch _batch;
        private readonly LevelImage? _images;
        private readonly float[] _features;
        private readonly int _size;

        /// <summary>A worker for batches of up to <paramref name="capacity"/> rows.</summary>
        public Worker(SamplingMap map, int capacity)
        {
            (_runtime, _images, _size) = (map.Runtime, map.Images, map.Model.InputShape.Size);
            var latent = OnnxTensor.Rows("Latent", _size, capacity);
            var features = OnnxTensor.Rows("Features", _size, capacity);
            OnnxTensor[] condition = map.Model.Condition is { } known ? [OnnxTensor.Rows("Condition", known.Size, capacity)] : [];
            var member = OnnxTensor.Rows("Member", 1, map.Model.IsMixture ? capacity : 0);
            (Latents, Members, _features) = (latent.Values, member.Values, features.Values);
            Conditions = condition is [var given] ? given.Values : [];
            Inputs = [.. new[] { latent }.Concat(condition).Select(input => (input.Values, input.Width))];
            OnnxTensor[] inputs = [latent, OnnxTensor.Scalar("Temperature", map.Temperature),
                .. map.Model.IsMixture ? [member] : (OnnxTensor[])[], .. condition];
            _batch = new OnnxBatch(_runtime.Sampling, inputs, [features]);
        }

        /// <summary>The member that each row is drawn from; empty except for a mixture.</summary>
        protected float[] Members { get; }

        /// <summary>The latents, [capacity, size].</summary>
        protected float[] Latents { get; }

        /// <summary>The conditions, [capacity, values]; empty where the flow has none.</summary>
        protected float[] Conditions { get; }

        /// <inheritdoc/>
        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            _batch.Run(count);
            if (Math.Abs(TensorPrimitives.MaxMagnitudeNumber<float>(_features.AsSpan(0, count * _size))) > FlowRuntime.Extreme)
                _runtime.TellOfExtremes();
        }

        /// <inheritdoc/>
        public override Delegate CreateGetter(int added, IBatchPosition position)
            => _images is { } images ? images.CreateGetter(_features, position) : RowsOf(_features, _size, position);

        /// <inheritdoc/>
        public override void Dispose() => _batch.Dispose();
    }
}
