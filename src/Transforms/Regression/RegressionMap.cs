using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>What a column of a regression holds.</summary>
internal enum RegressionOutput
{
    Score,
    Median,
    Lower,
    Upper,
    LogLikelihood,
}

/// <summary>Features, and labels where there are any, to mean, median, interval and log-likelihood.</summary>
/// <param name="runtime">Runs the graphs.</param>
/// <param name="model">The flow of labels given features.</param>
/// <param name="features">The column of features.</param>
/// <param name="label">The column of labels.</param>
/// <param name="added">The names of the added columns, in the order of <see cref="RegressionOutput"/>.</param>
/// <param name="reach">For each label the z of its interval.</param>
internal sealed class RegressionMap(
    FlowRuntime runtime, FlowModel model, string features, string label, string[] added, double[] reach) : RowMap
{
    /// <summary>Numbers that a batch holds beside its columns: 16 MiB.</summary>
    private const int MostValues = 1 << 22;

    private int Labels => model.InputShape.Size;

    /// <inheritdoc/>
    public override BatchPlan? Batches
    {
        get
        {
            int rows = (int)Math.Clamp(MostValues / (long)LabelNodes.ValuesPerRow(model), 1, runtime.RowsPerBatch(null));
            return new(First: Math.Min(16, rows), rows, rows, FlowRuntime.RunsSideBySide(runtime.Density, null));
        }
    }

    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
    {
        DataViewSchema.Column given = FeatureColumn.Find(schema, features, FlowShape.Vector(model.Condition!.Size));
        return LabelColumn.FindOrNull(schema, label, model) is { } known ? [given, known] : [given];
    }

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input)
        => Added(added, ScoreAnnotations.NextSetId(input), Labels);

    /// <summary>The added columns, of this many labels.</summary>
    public static DataViewSchema.DetachedColumn[] Added(string[] names, uint setId, int labels)
    {
        DataViewType type = labels == 1 ? NumberDataViewType.Single : new VectorDataViewType(NumberDataViewType.Single, labels);
        return [.. names.Select((name, i) => (RegressionOutput)i switch
        {
            RegressionOutput.Score => new DataViewSchema.DetachedColumn(name, type, ScoreAnnotations.Of(setId, "Score", "Regression")),
            RegressionOutput.LogLikelihood => new(name, NumberDataViewType.Single),
            _ => new(name, type),
        })];
    }

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active)
        => new Worker(runtime, model, reach, capacity, [.. active.Select((asked, i) => (asked, i)).Where(pair => pair.asked)
            .Select(pair => (RegressionOutput)pair.i)]);

    private sealed class Worker : VectorWorker
    {
        private readonly FlowRuntime _runtime;
        private readonly double[] _reach;
        private readonly int _labels;
        private readonly LabelNodes? _nodes;
        private readonly OnnxBatch? _density;
        private readonly float[] _logLikelihoods;
        private readonly float[]?[] _results = new float[]?[4]; // of each output but the log-likelihood, [capacity, labels]
        private readonly float[] _features; // as they are read, [capacity, C]
        private readonly int _size;
        private bool _knowsLabels;

        public Worker(FlowRuntime runtime, FlowModel model, double[] reach, int capacity, RegressionOutput[] asked)
        {
            (_runtime, _reach, _labels, _size) = (runtime, reach, model.InputShape.Size, model.Condition!.Size);
            OnnxTensor condition = OnnxTensor.Rows("Condition", _size, capacity), label = OnnxTensor.Rows("Features", _labels, capacity);
            var logLikelihood = OnnxTensor.Rows("LogLikelihood", 1, capacity);
            _features = condition.Values;
            Inputs = [(condition.Values, _size), (label.Values, _labels)];
            _logLikelihoods = logLikelihood.Values;
            if (asked.Contains(RegressionOutput.LogLikelihood))
                _density = new OnnxBatch(runtime.Density, [label, condition], [logLikelihood]);
            foreach (RegressionOutput output in asked.Where(output => output != RegressionOutput.LogLikelihood))
                _results[(int)output] = new float[capacity * _labels];
            if (asked.Any(output => output != RegressionOutput.LogLikelihood))
                _nodes = LabelNodes.Create(runtime, model, capacity, -reach[0], reach[0]);
        }

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
        {
            base.Open(source, inputs);
            _knowsLabels = inputs.Length > 1;
        }

        public override void Run(int count)
        {
            _runtime.ThrowIfDisposed();
            if (_density is not null && _knowsLabels)
                _density.Run(count);
            else
                _logLikelihoods.AsSpan(0, count).Fill(float.NaN);
            if (_nodes is null)
                return;
            _features.AsSpan(0, count * _size).CopyTo(_nodes.Features);
            _nodes.Run(count);
            for (int i = 0; i < count * _labels; i++)
            {
                (int row, int label) = (i / _labels, i % _labels);
                LabelDistribution distribution = _nodes.Of(row, label);
                if (_results[(int)RegressionOutput.Score] is { } means)
                    means[i] = (float)_nodes.MeanOf(row, label);
                if (_results[(int)RegressionOutput.Median] is { } medians)
                    medians[i] = (float)distribution.Quantile(0);
                if (_results[(int)RegressionOutput.Lower] is { } lower)
                    lower[i] = (float)distribution.Quantile(-_reach[label]);
                if (_results[(int)RegressionOutput.Upper] is { } upper)
                    upper[i] = (float)distribution.Quantile(_reach[label]);
            }
        }

        public override Delegate CreateGetter(int added, IBatchPosition position)
        {
            float[] values = (RegressionOutput)added == RegressionOutput.LogLikelihood ? _logLikelihoods : _results[added]!;
            return _labels == 1 || (RegressionOutput)added == RegressionOutput.LogLikelihood
                ? (ValueGetter<float>)((ref float value) => value = values[position.Computed()])
                : RowsOf(values, _labels, position);
        }

        public override void Dispose()
        {
            _density?.Dispose();
            _nodes?.Dispose();
        }
    }
}
