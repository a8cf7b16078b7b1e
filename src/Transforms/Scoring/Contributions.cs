using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Scoring;

/// <summary>
/// How much each feature adds to a row's score beside the row of training medians: the features are replaced by their medians one by one,
/// from the first to the last and from the last to the first, and the drops in score of the two orders are averaged. So they sum to
/// Score(x) - Score(medians). One row of D features takes 2 (D - 1) scores more, which run in batches. Of a flow with a condition all are
/// scores given the row's condition, that of the medians too.
/// </summary>
internal sealed class Contributions : IDisposable
{
    /// <summary>Rows per run: from here on larger batches gain little.</summary>
    private const int Chunk = 512;

    private readonly float[] _medians;
    private readonly int _size;
    private readonly float[] _variants;
    private readonly float[] _logLikelihoods;
    private readonly OnnxBatch _batch;
    private readonly float[] _scores; // of one row: size - 1 forward, then size - 1 backward, and with a condition that of the medians
    private readonly float[] _conditions;
    private readonly int _conditionSize;
    private float _medianScore;

    /// <summary>Contributions for batches of up to <paramref name="capacity"/> rows, of a model that has medians.</summary>
    public Contributions(FlowRuntime runtime, FlowModel model, int capacity)
    {
        _medians = [.. model.Metadata.FeatureMedians];
        _size = _medians.Length;
        Values = new float[capacity * _size];
        _conditionSize = model.Condition?.Size ?? 0;
        _scores = new float[2 * (_size - 1) + (_conditionSize > 0 ? 1 : 0)];
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
            for (int j = 0; j < _size; j++)
            {
                float forward = Forward(j, score) - Forward(j + 1, score);
                float backward = Backward(_size - 1 - j, score) - Backward(_size - j, score);
                contributions[j] = (forward + backward) / 2;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();

    /// <summary>The score with the first <paramref name="replaced"/> features at their medians.</summary>
    private float Forward(int replaced, float score) => replaced == 0 ? score : replaced == _size ? _medianScore : _scores[replaced - 1];

    /// <summary>The score with the last <paramref name="replaced"/> features at their medians.</summary>
    private float Backward(int replaced, float score)
        => replaced == 0 ? score : replaced == _size ? _medianScore : _scores[_size - 2 + replaced];

    private void ScoreVariants(ReadOnlySpan<float> x, ReadOnlySpan<float> condition)
    {
        for (int start = 0; start < _scores.Length; start += Chunk)
        {
            int count = Math.Min(Chunk, _scores.Length - start);
            for (int i = 0; i < count; i++)
            {
                int variant = start + i;
                bool forward = variant < _size - 1;
                int replaced = forward ? variant + 1 : variant - (_size - 2);
                Span<float> target = _variants.AsSpan(i * _size, _size);
                x.CopyTo(target);
                condition.CopyTo(_conditions.AsSpan(i * _conditionSize));
                Range range = forward ? ..replaced : ^replaced..;
                _medians.AsSpan(range).CopyTo(target[range]);
            }
            _batch.Run(count);
            for (int i = 0; i < count; i++)
                _scores[start + i] = -_logLikelihoods[i];
        }
    }
}
