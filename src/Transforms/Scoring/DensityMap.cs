using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Scoring;

/// <summary>
/// Features to score, label, likelihood, p-values, typicality, bits per dimension, latent and contributions. ONNX Runtime computes log-likelihood and latent, whichever is
/// asked for; the decision follows in C# from the same calibration that the exported graph carries.
/// </summary>
internal sealed class DensityMap(FlowRuntime runtime, FlowModel model, RealNvpColumns columns, float threshold, int? batchSize) : BatchMap(runtime)
{
    private readonly DensityColumn[] _added = [.. DensityColumn.Of(columns, hasLatent: !model.IsMixture)];

    /// <inheritdoc/>
    public override string InputColumnName => columns.Features;

    /// <inheritdoc/>
    public override FlowShape InputShape => model.InputShape;

    /// <inheritdoc/>
    public override int BatchSize => Runtime.RowsPerBatch(batchSize);

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] OutputColumns(DataViewSchema input)
    {
        uint setId = ScoreAnnotations.NextSetId(input);
        return Array.ConvertAll(_added, column => column.Detach(InputSize, setId, model.Metadata.FeatureNames));
    }

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active)
    {
        DensityOutput[] asked = [.. _added.Where((_, i) => active[i]).Select(column => column.Output)];
        return new Worker(Runtime, model, [.. _added.Select(column => column.Output)], threshold, capacity, asked);
    }

    private sealed class Worker : BatchWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly OnnxBatch _batch;
        private readonly Contributions? _contributions;
        private readonly DensityOutput[] _outputs;
        private readonly float[] _logLikelihoods;
        private readonly float[] _latents;
        private readonly Calibration _calibration;
        private readonly FlowModel _model;
        private readonly float _threshold;
        private readonly int _size;

        public Worker(FlowRuntime runtime, FlowModel model, DensityOutput[] outputs, float threshold, int capacity, DensityOutput[] asked)
        {
            _runtime = runtime;
            _outputs = outputs;
            _model = model;
            _calibration = model.Calibration;
            _threshold = threshold;
            _size = model.InputShape.Size;
            var features = OnnxTensor.Rows("Features", _size, capacity);
            bool needsLatent = asked.Contains(DensityOutput.Latent), needsLikelihood = asked.Any(output => output != DensityOutput.Latent);
            var logLikelihood = OnnxTensor.Rows("LogLikelihood", 1, needsLikelihood ? capacity : 0);
            var latent = OnnxTensor.Rows("Latent", _size, needsLatent ? capacity : 0);
            OnnxTensor[] tensors = [.. needsLikelihood ? [logLikelihood] : (OnnxTensor[])[], .. needsLatent ? [latent] : (OnnxTensor[])[]];
            Input = features.Values;
            _logLikelihoods = logLikelihood.Values;
            _latents = latent.Values;
            _batch = new OnnxBatch(runtime.Density, [features], tensors);
            if (asked.Contains(DensityOutput.Contributions))
                _contributions = new Contributions(runtime, model, capacity);
        }

        public override float[] Input { get; }

        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            _batch.Run(count);
            _contributions?.Run(Input, _logLikelihoods, count);
        }

        public override Delegate CreateGetter(int output, IBatchPosition position)
        {
            float[] logLikelihoods = _logLikelihoods, latents = _latents;
            Calibration calibration = _calibration;
            FlowModel model = _model;
            float threshold = _threshold;
            int size = _size;
            return _outputs[output] switch
            {
                DensityOutput.Score => (ValueGetter<float>)((ref float value) => value = -logLikelihoods[position.Computed()]),
                DensityOutput.PredictedLabel => (ValueGetter<bool>)((ref bool value) => value = -logLikelihoods[position.Computed()] > threshold), // false for NaN
                DensityOutput.LogLikelihood => (ValueGetter<float>)((ref float value) => value = logLikelihoods[position.Computed()]),
                DensityOutput.PValue => (ValueGetter<float>)((ref float value) => value = calibration.PValue(-logLikelihoods[position.Computed()])),
                DensityOutput.Typicality => (ValueGetter<float>)((ref float value) => value = calibration.Typicality(-logLikelihoods[position.Computed()])),
                DensityOutput.TypicalityPValue => (ValueGetter<float>)((ref float value)
                    => value = calibration.TypicalityPValue(calibration.Typicality(-logLikelihoods[position.Computed()]))),
                DensityOutput.BitsPerDimension => (ValueGetter<float>)((ref float value) => value = (float)model.BitsPerDimension(logLikelihoods[position.Computed()])),
                DensityOutput.Latent => Row(latents),
                DensityOutput.Contributions => Row(_contributions!.Values),
                _ => throw new ArgumentOutOfRangeException(nameof(output)),
            };

            ValueGetter<VBuffer<float>> Row(float[] rows) => (ref VBuffer<float> value) => FeatureReader.CopyRow(rows, position.Computed(), size, ref value);
        }

        public override void Dispose()
        {
            _contributions?.Dispose();
            _batch.Dispose();
        }
    }
}
