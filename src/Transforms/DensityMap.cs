using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Batching;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Features to Score, PredictedLabel, LogLikelihood, PValue and Latent. ONNX Runtime computes log-likelihood and latent, whichever is asked for; the
/// decision follows in C# from the same calibration that the exported graph carries.
/// </summary>
internal sealed class DensityMap(FlowRuntime runtime, FlowModel model, RealNvpColumns columns, float threshold, int batchSize) : BatchMap
{
    // positions among the added columns, as RealNvpColumns.Added
    private const int Score = 0, PredictedLabel = 1, LogLikelihood = 2, PValue = 3, Latent = 4;

    /// <inheritdoc/>
    public override string InputColumnName => columns.Features;

    /// <inheritdoc/>
    public override int InputSize => model.InputShape.Size;

    /// <inheritdoc/>
    public override int BatchSize => batchSize;

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] OutputColumns(DataViewSchema input)
        => AddedColumns(columns, InputSize, ScoreAnnotations.NextSetId(input));

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(runtime, model, threshold, capacity, active);

    /// <summary>The columns that a flow of <paramref name="size"/> features adds.</summary>
    public static DataViewSchema.DetachedColumn[] AddedColumns(RealNvpColumns columns, int size, uint setId) =>
    [
        new(columns.Score, NumberDataViewType.Single, ScoreAnnotations.Of(setId, "Score")),
        new(columns.PredictedLabel, BooleanDataViewType.Instance, ScoreAnnotations.Of(setId, "PredictedLabel")),
        new(columns.LogLikelihood, NumberDataViewType.Single),
        new(columns.PValue, NumberDataViewType.Single),
        new(columns.Latent, new VectorDataViewType(NumberDataViewType.Single, size)),
    ];

    private sealed class Worker : BatchWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly OnnxBatch _batch;
        private readonly float[] _logLikelihoods;
        private readonly float[] _latents;
        private readonly Calibration _calibration;
        private readonly float _threshold;
        private readonly int _size;

        public Worker(FlowRuntime runtime, FlowModel model, float threshold, int capacity, bool[] active)
        {
            _runtime = runtime;
            _calibration = model.Calibration;
            _threshold = threshold;
            _size = model.InputShape.Size;
            var features = OnnxTensor.Rows("Features", _size, capacity);
            bool decides = active[Score] || active[PredictedLabel] || active[LogLikelihood] || active[PValue];
            var logLikelihood = OnnxTensor.Rows("LogLikelihood", 1, decides ? capacity : 0);
            var latent = OnnxTensor.Rows("Latent", _size, active[Latent] ? capacity : 0);
            OnnxTensor[] outputs = [.. decides ? [logLikelihood] : (OnnxTensor[])[], .. active[Latent] ? [latent] : (OnnxTensor[])[]];
            Input = features.Values;
            _logLikelihoods = logLikelihood.Values;
            _latents = latent.Values;
            _batch = new OnnxBatch(runtime.Density(bulk: capacity > 1), [features], outputs);
        }

        public override float[] Input { get; }

        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            _batch.Run(count);
        }

        public override Delegate CreateGetter(int output, IBatchPosition position)
        {
            float[] logLikelihoods = _logLikelihoods, latents = _latents;
            float threshold = _threshold;
            int size = _size;
            return output switch
            {
                Score => (ValueGetter<float>)((ref float value) => value = -logLikelihoods[position.Computed()]),
                PredictedLabel => (ValueGetter<bool>)((ref bool value) => value = -logLikelihoods[position.Computed()] > threshold), // false for NaN
                LogLikelihood => (ValueGetter<float>)((ref float value) => value = logLikelihoods[position.Computed()]),
                PValue => (ValueGetter<float>)((ref float value) => value = _calibration.PValue(-logLikelihoods[position.Computed()])),
                Latent => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => FeatureReader.CopyRow(latents, position.Computed(), size, ref value)),
                _ => throw new ArgumentOutOfRangeException(nameof(output)),
            };
        }

        public override void Dispose() => _batch.Dispose();
    }
}
