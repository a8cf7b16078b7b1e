using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Scoring;

/// <summary>
/// Features to score, label, likelihood, p-values, typicality, bits per dimension, latent, contributions and the score map. ONNX Runtime
/// computes log-likelihood, latent and map, whichever is asked for; the decision follows in C# from the same calibration that the exported
/// graph carries.
/// </summary>
internal sealed class DensityMap(FlowRuntime runtime, FlowModel model, RealNvpColumns columns, float threshold, int? batchSize) : RowMap
{
    private readonly DensityColumn[] _added = [.. DensityColumn.Of(columns, hasLatent: !model.IsMixture)];

    /// <inheritdoc/>
    public override BatchPlan? Batches => new(First: 16, runtime.RowsPerBatch(batchSize), runtime.MostRowsPerBatch(batchSize),
        FlowRuntime.RunsSideBySide(runtime.Density, batchSize));

    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
        => FeatureColumn.FindBoth(schema, columns.Features, model.InputShape, columns.Condition, model.Condition?.Size ?? 0);

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input)
    {
        uint setId = ScoreAnnotations.NextSetId(input);
        return Array.ConvertAll(_added, column => column.Detach(model.InputShape, setId, model.Metadata.FeatureNames));
    }

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active)
    {
        DensityOutput[] asked = [.. _added.Where((_, i) => active[i]).Select(column => column.Output)];
        return new Worker(runtime, model, [.. _added.Select(column => column.Output)], threshold, capacity, asked);
    }

    private sealed class Worker : VectorWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly OnnxBatch _batch;
        private readonly Contributions? _contributions;
        private readonly DensityOutput[] _outputs;
        private readonly float[] _logLikelihoods;
        private readonly float[] _latents;
        private readonly float[] _maps;
        private readonly float[] _maxima;
        private readonly Calibration _calibration;
        private readonly FlowModel _model;
        private readonly float _threshold;
        private readonly int _size;
        private readonly int _positions;

        public Worker(FlowRuntime runtime, FlowModel model, DensityOutput[] outputs, float threshold, int capacity, DensityOutput[] asked)
        {
            _runtime = runtime;
            _outputs = outputs;
            _model = model;
            _calibration = model.Calibration;
            _threshold = threshold;
            _size = model.InputShape.Size;
            OnnxTensor[] inputs = [OnnxTensor.Rows("Features", _size, capacity), .. model.Condition is { } condition
                ? [OnnxTensor.Rows("Condition", condition.Size, capacity)] : (OnnxTensor[])[]];
            Inputs = [.. inputs.Select(input => (input.Values, input.Width))];
            bool needsLatent = asked.Contains(DensityOutput.Latent), needsMap = asked.Contains(DensityOutput.ScoreMap),
                needsMaximum = asked.Any(output => output != DensityOutput.ScoreMap && DensityColumn.NeedsMap(output)),
                needsLikelihood = asked.Any(output => output != DensityOutput.Latent && !DensityColumn.NeedsMap(output));
            var logLikelihood = OnnxTensor.Rows("LogLikelihood", 1, needsLikelihood ? capacity : 0);
            var latent = OnnxTensor.Rows("Latent", _size, needsLatent ? capacity : 0);
            _positions = model.InputShape.IsImage ? model.InputShape.Dimensions[1] * model.InputShape.Dimensions[2] : 0;
            var map = OnnxTensor.Rows("ScoreMap", _positions, needsMap ? capacity : 0);
            var maximum = OnnxTensor.Rows("MapMaximum", 1, needsMaximum ? capacity : 0);
            OnnxTensor[] tensors = [.. new[] { (logLikelihood, needsLikelihood), (latent, needsLatent), (map, needsMap),
                (maximum, needsMaximum) }.Where(tensor => tensor.Item2).Select(tensor => tensor.Item1)];
            _logLikelihoods = logLikelihood.Values;
            _latents = latent.Values;
            (_maps, _maxima) = (map.Values, maximum.Values);
            _batch = new OnnxBatch(needsMap || needsMaximum ? runtime.ScoreMap : runtime.Density, inputs, tensors);
            if (asked.Contains(DensityOutput.Contributions))
                _contributions = new Contributions(runtime, model, capacity);
        }

        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            _batch.Run(count);
            _contributions?.Run(Inputs[0].Rows, Inputs.Length > 1 ? Inputs[1].Rows : [], _logLikelihoods, count);
        }

        public override Delegate CreateGetter(int added, IBatchPosition position)
        {
            float[] logLikelihoods = _logLikelihoods;
            Calibration calibration = _calibration;
            FlowModel model = _model;
            float threshold = _threshold;
            float[] maxima = _maxima;
            Calibration mapCalibration = model.ScoreMapCalibration?.Maximum ?? Calibration.None;
            return _outputs[added] switch
            {
                DensityOutput.Score => (ValueGetter<float>)((ref float value) => value = -logLikelihoods[position.Computed()]),
                DensityOutput.PredictedLabel => (ValueGetter<bool>)((ref bool value)
                    => value = -logLikelihoods[position.Computed()] > threshold), // false for NaN
                DensityOutput.LogLikelihood => (ValueGetter<float>)((ref float value) => value = logLikelihoods[position.Computed()]),
                DensityOutput.PValue => (ValueGetter<float>)((ref float value)
                    => value = calibration.PValue(-logLikelihoods[position.Computed()])),
                DensityOutput.Typicality => (ValueGetter<float>)((ref float value)
                    => value = calibration.Typicality(-logLikelihoods[position.Computed()])),
                DensityOutput.TypicalityPValue => (ValueGetter<float>)((ref float value)
                    => value = calibration.TypicalityPValue(calibration.Typicality(-logLikelihoods[position.Computed()]))),
                DensityOutput.BitsPerDimension => (ValueGetter<float>)((ref float value)
                    => value = (float)model.BitsPerDimension(logLikelihoods[position.Computed()])),
                DensityOutput.Latent => RowsOf(_latents, _size, position),
                DensityOutput.Contributions => RowsOf(_contributions!.Values, _size, position),
                DensityOutput.ScoreMap => RowsOf(_maps, _positions, position),
                DensityOutput.MapMaximum => (ValueGetter<float>)((ref float value) => value = maxima[position.Computed()]),
                DensityOutput.MapMaximumPValue => (ValueGetter<float>)((ref float value)
                    => value = mapCalibration.PValue(maxima[position.Computed()])),
                DensityOutput.MapMaximumLabel => (ValueGetter<bool>)((ref bool value)
                    => value = maxima[position.Computed()] > mapCalibration.Threshold), // false for NaN
                _ => throw new ArgumentOutOfRangeException(nameof(added)),
            };
        }

        public override void Dispose()
        {
            _contributions?.Dispose();
            _batch.Dispose();
        }
    }
}
