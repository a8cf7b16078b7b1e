using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;
using RealNvp.ML.Transforms.Scoring;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Bits per dimension of discrete data over uniform noise in each value's bin; from
/// <see cref="RealNvpTransformer.BitsPerDimension"/>.
/// </summary>
/// <param name="Mean">The mean over the rows of what their draws say: their mean, or of importance-weighted ones the bits of the mean
/// density.</param>
/// <param name="StandardError">Of the mean, from the spread of the rows, which holds that of the draws; NaN for a single row.</param>
/// <param name="Rows">How many rows.</param>
/// <param name="Draws">Draws of noise per row.</param>
public sealed record BitsPerDimensionEstimate(double Mean, double StandardError, long Rows, int Draws)
{
    /// <summary>Whether densities were averaged over the draws, not their logarithms.</summary>
    public bool ImportanceWeighted { get; init; }

    /// <summary>Reads the rows once and evaluates their draws in batches.</summary>
    internal static BitsPerDimensionEstimate Of(FlowRuntime runtime, FlowModel model, IDataView data, RealNvpColumns columns, int draws,
        int seed, bool importanceWeighted, int batchSize, Action<string> warn)
    {
        if (!model.IsDiscrete)
            throw new InvalidOperationException($"There are no bits per dimension: {model.WhyNotDiscrete}");
        string column = columns.Features;
        int size = model.InputShape.Size, conditions = model.Condition?.Size ?? 0;
        DataViewSchema.Column[] sources = FeatureColumn.FindBoth(data.Schema, column, model.InputShape, columns.Condition, conditions);
        LevelCheck? levels = Levels.Of(model) is { } known
            ? new(column, known, "the flow was trained on these; the scale must be the same")
            : null;
        var rows = new RowMean(model, draws, importanceWeighted);
        using (var batch = new NoisyBatch(runtime, model, new UniformNoise(seed), batchSize, rows))
        using (DataViewRowCursor cursor = data.GetRowCursor(sources))
        {
            float[] values = new float[size], condition = new float[conditions];
            FeatureReader[] readers = [.. sources.Select((source, i)
                => new FeatureReader(cursor, source, i == 0 ? size : conditions, i == 0 ? values : condition))];
            for (long row = 0; cursor.MoveNextOrTell(); row++)
            {
                Array.ForEach(readers, reader => reader.Take(0));
                if (!values.All(float.IsFinite) || !condition.All(value => model.Condition!.IsUsable(value)))
                {
                    rows.NotFinite++;
                    continue;
                }
                levels?.Add(values);
                for (int draw = 0; draw < draws; draw++)
                    batch.Add(values, condition, row, draw);
            }
            batch.Flush();
        }
        rows.Rows.RequireOfAll(rows.NotFinite, column, "bits per dimension");
        foreach (string warning in levels?.Warnings() ?? [])
            warn(warning);
        return new(rows.Rows.Mean, rows.Rows.StandardError, rows.Rows.Count, draws) { ImportanceWeighted = importanceWeighted };
    }

    /// <summary>Mean and spread of the rows, whose draws come one after the other.</summary>
    private sealed class RowMean(FlowModel model, int draws, bool importanceWeighted)
    {
        // of the present row: the bits of its draws, and their densities beside the greatest
        private double _sum, _densities, _greatest = double.NegativeInfinity;
        private int _drawn;

        public RunningMean Rows { get; } = new();

        public long NotFinite { get; set; }

        public void Add(double logLikelihood)
        {
            _sum += model.BitsPerDimension(logLikelihood);
            double greatest = Math.Max(_greatest, logLikelihood);
            _densities = _densities * Math.Exp(_greatest - greatest) + Math.Exp(logLikelihood - greatest);
            _greatest = greatest;
            if (++_drawn < draws)
                return;
            Rows.Add(importanceWeighted ? model.BitsPerDimension(_greatest + Math.Log(_densities / draws)) : _sum / draws);
            (_sum, _densities, _greatest, _drawn) = (0, 0, double.NegativeInfinity, 0);
        }
    }

    /// <summary>A batch of draws, which may be of one row or of many.</summary>
    private sealed class NoisyBatch : IDisposable
    {
        private readonly UniformNoise _noise;
        private readonly RowMean _rows;
        private readonly float[] _widths;
        private readonly double[] _uniform;
        private readonly float[] _features;
        private readonly float[] _conditions;
        private readonly float[] _logLikelihoods;
        private readonly OnnxBatch _batch;
        private int _count;

        public NoisyBatch(FlowRuntime runtime, FlowModel model, UniformNoise noise, int batchSize, RowMean rows)
        {
            (_noise, _rows) = (noise, rows);
            _widths = [.. model.LevelWidths];
            _uniform = new double[_widths.Length];
            var features = OnnxTensor.Rows("Features", _widths.Length, batchSize);
            var logLikelihoods = OnnxTensor.Rows("LogLikelihood", 1, batchSize);
            (_features, _logLikelihoods) = (features.Values, logLikelihoods.Values);
            OnnxTensor[] conditions = model.Condition is { } condition ? [OnnxTensor.Rows("Condition", condition.Size, batchSize)] : [];
            _conditions = conditions is [var given] ? given.Values : [];
            _batch = new OnnxBatch(runtime.Density, [features, .. conditions], [logLikelihoods]);
        }

        public void Add(float[] values, float[] condition, long row, int draw)
        {
            condition.CopyTo(_conditions, _count * condition.Length);
            _noise.Fill(row, draw, _uniform);
            Span<float> target = _features.AsSpan(_count * values.Length, values.Length);
            for (int i = 0; i < values.Length; i++)
                target[i] = (float)(values[i] + (_uniform[i] - 0.5) * _widths[i]);
            if (++_count == _logLikelihoods.Length)
                Flush();
        }

        public void Flush()
        {
            if (_count == 0)
                return;
            _batch.Run(_count);
            for (int i = 0; i < _count; i++)
                _rows.Add(_logLikelihoods[i]);
            _count = 0;
        }

        public void Dispose() => _batch.Dispose();
    }
}
