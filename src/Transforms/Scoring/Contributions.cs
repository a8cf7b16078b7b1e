using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Scoring;

/// <summary>
/// How much each feature adds to a row's score beside the row of training medians: the columns are replaced by their medians one by one,
/// from the first to the last and from the last to the first, and the drops in score of the two orders are averaged. So they sum to
/// Score(x) - Score(medians). One row of D columns takes 2 (D - 1) scores more, which run in batches. Of a flow with a condition all are
/// scores given the row's condition, that of the medians too. What a category adds stands at the feature that the row has and the medians
/// have not.
/// </summary>
internal sealed class Contributions : IDisposable
{
    /// <summary>Rows per run: from here on larger batches gain little.</summary>
    private const int Chunk = 512;

    private readonly float[] _medians;
    private readonly int _size;
    private readonly ExplainedColumns _columns;
    private readonly float[] _variants;
    private readonly float[] _logLikelihoods;
    private readonly OnnxBatch _batch;
    private readonly float[] _scores; // of one row: columns - 1 forward, as many backward, and with a condition that of the medians
    private readonly float[] _conditions;
    private readonly int _conditionSize;
    private float _medianScore;

    /// <summary>Contributions for batches of up to <paramref name="capacity"/> rows, of a model that has medians.</summary>
    public Contributions(FlowRuntime runtime, FlowModel model, int capacity)
    {
        _medians = [.. model.Metadata.FeatureMedians];
        _size = _medians.Length;
        _columns = ExplainedColumns.Of(model.Metadata, _size);
        Values = new float[capacity * _size];
        _conditionSize = model.Condition?.Size ?? 0;
        _scores = new float[2 * (_columns.Count - 1) + (_conditionSize > 0 ? 1 : 0)];
        var features = OnnxTensor.Rows("Features", _size, Chunk);
        var logLikelihoods = OnnxTensor.Rows("LogLikelihood", 1, Chunk);
        _variants = features.Values;
        _logLikelihoods = logLikelihoods.Values;
        OnnxTensor[] conditions = _conditionSize > 0 ? [OnnxTensor.Rows("Condition", _conditionSize, Chunk)] : [];
        _conditions = conditions is [var given] ? given.Values : [];
        _batch = new OnnxBatch(runtime.Density, [features, .. conditions], [logLikelihoods]);
        if (_conditionSize > 0)
            return; // the score of the medians is another one for every row
        _medians.CopyTo(_variants, 0);
        _batch.Run(1);
        _medianScore = -_logLikelihoods[0];
    }

    /// <summary>The contributions in nats, [capacity, features].</summary>
    public float[] Values { get; }

    /// <summary>Computes the contributions of the first <paramref name="count"/> rows, whose log-likelihoods are known.</summary>
    /// <param name="rows">The features.</param>
    /// <param name="conditions">The conditions; empty where the flow has none.</param>
    /// <param name="logLikelihoods">In nats.</param>
    /// <param name="count">How many.</param>
    public void Run(float[] rows, float[] conditions, float[] logLikelihoods, int count)
    {
        for (int row = 0; row < count; row++)
        {
            ReadOnlySpan<float> x = rows.AsSpan(row * _size, _size);
            Span<float> contributions = Values.AsSpan(row * _size, _size);
            float score = -logLikelihoods[row];
            if (float.IsNaN(score))
            {
                contributions.Fill(float.NaN);
                continue;
            }
            ScoreVariants(x, conditions.AsSpan(row * _conditionSize, _conditionSize));
            if (_conditionSize > 0)
                _medianScore = _scores[^1];
            int columns = _columns.Count;
            for (int j = 0; j < columns; j++)
            {
                float forward = Forward(j, score) - Forward(j + 1, score);
                float backward = Backward(columns - 1 - j, score) - Backward(columns - j, score);
                Range range = _columns[j];
                Share(forward / 2 + backward / 2, x[range], _medians.AsSpan(range), contributions[range]);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();

    /// <summary>
    /// Gives what a column adds to those of its features that are above their medians, or where none is, as for a category that was never
    /// seen, to those below.
    /// </summary>
    private static void Share(float added, ReadOnlySpan<float> x, ReadOnlySpan<float> medians, Span<float> shares)
    {
        if (shares.Length == 1)
        {
            shares[0] = added;
            return;
        }
        float sum = 0;
        for (int j = 0; j < shares.Length; j++)
            sum += shares[j] = Math.Max(x[j] - medians[j], 0);
        if (sum == 0)
        {
            for (int j = 0; j < shares.Length; j++)
                sum += shares[j] = medians[j] - x[j];
        }
        for (int j = 0; j < shares.Length; j++)
            shares[j] = added * (shares[j] / Math.Max(sum, DensityGraph.SmallestSum));
    }

    /// <summary>The score with the first <paramref name="replaced"/> columns at their medians.</summary>
    private float Forward(int replaced, float score)
        => replaced == 0 ? score : replaced == _columns.Count ? _medianScore : _scores[replaced - 1];

    /// <summary>The score with the last <paramref name="replaced"/> columns at their medians.</summary>
    private float Backward(int replaced, float score)
        => replaced == 0 ? score : replaced == _columns.Count ? _medianScore : _scores[_columns.Count - 2 + replaced];

    private void ScoreVariants(ReadOnlySpan<float> x, ReadOnlySpan<float> condition)
    {
        for (int start = 0; start < _scores.Length; start += Chunk)
        {
            int count = Math.Min(Chunk, _scores.Length - start);
            for (int i = 0; i < count; i++)
            {
                int variant = start + i;
                bool forward = variant < _columns.Count - 1;
                int replaced = forward ? variant + 1 : variant - (_columns.Count - 2);
                Span<float> target = _variants.AsSpan(i * _size, _size);
                x.CopyTo(target);
                condition.CopyTo(_conditions.AsSpan(i * _conditionSize));
                Range range = forward ? .._columns.Starts[replaced] : _columns.Starts[^(replaced + 1)].._size;
                _medians.AsSpan(range).CopyTo(target[range]);
            }
            _batch.Run(count);
            for (int i = 0; i < count; i++)
                _scores[start + i] = -_logLikelihoods[i];
        }
    }
}
