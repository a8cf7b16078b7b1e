using System.Collections.Immutable;

namespace RealNvp.ML.Export;

/// <summary>
/// The scores of rows that were held out of training for nothing else, from which p-values and thresholds follow (split-conformal
/// prediction): on rows exchangeable with them, a threshold at contamination <c>c</c> flags a share of at most <c>c</c>.
/// </summary>
public sealed class Calibration
{
    /// <summary>
    /// At most this many scores are kept: comparing with more costs several times the flow itself, and a random subset is as valid.
    /// </summary>
    public const int MaxScores = 1000;

    private readonly float[] _scores;
    private readonly float[] _typicalities;

    /// <summary>A calibration from held-out scores.</summary>
    /// <param name="scores">Scores (-log-likelihood, nats) in any order; at most <see cref="MaxScores"/>, all finite. May be empty: every
    /// p-value is then 1.</param>
    /// <param name="contamination">The share of rows like the training rows that <see cref="Threshold"/> flags, from 0 to 1
    /// (exclusive).</param>
    public Calibration(IEnumerable<float> scores, double contamination)
    {
        ArgumentNullException.ThrowIfNull(scores);
        CheckContamination(contamination);
        _scores = [.. scores];
        if (_scores.Length > MaxScores)
            throw new ArgumentException(
                $"At most {MaxScores} calibration scores are kept, found {_scores.Length}: draw a random subset.", nameof(scores));
        if (_scores.Any(score => !float.IsFinite(score)))
            throw new ArgumentException("Calibration scores must be finite.", nameof(scores));
        Array.Sort(_scores);
        MeanScore = _scores.Length == 0 ? 0 : (float)_scores.Average(score => (double)score);
        _typicalities = Array.ConvertAll(_scores, Typicality);
        Array.Sort(_typicalities);
        Contamination = contamination;
        Threshold = ThresholdAt(contamination);
    }

    /// <summary>No held-out scores: p-values are 1 and nothing is flagged.</summary>
    public static Calibration None { get; } = new([], 0);

    /// <summary>The calibration scores, ascending.</summary>
    public ImmutableArray<float> Scores => [.. _scores];

    /// <summary>The mean of the calibration scores, 0 where there are none.</summary>
    public float MeanScore { get; }

    /// <summary>The calibration scores' own <see cref="Typicality"/>, ascending.</summary>
    public ImmutableArray<float> Typicalities => [.. _typicalities];

    /// <summary>The number of calibration scores, n.</summary>
    public int Count => _scores.Length;

    /// <summary>The contamination that <see cref="Threshold"/> was asked for.</summary>
    public double Contamination { get; }

    /// <summary>Rows with a score above this are flagged; infinite where n is too small for the contamination asked.</summary>
    public float Threshold { get; }

    /// <summary>That nothing will be flagged and why, as a sentence without its end; null where something can be.</summary>
    internal string? WhyNothing => Contamination > 0 && float.IsPositiveInfinity(Threshold)
        ? $"Nothing will be flagged: {Count} calibration rows are too few for a contamination of {Contamination}, which needs "
            + $"{RowsFor(Contamination)}"
        : null;

    /// <summary>The same scores with another contamination.</summary>
    public Calibration WithContamination(double contamination) => new(_scores, contamination);

    /// <summary>
    /// The ceil((n + 1)(1 - c))-th smallest calibration score, +infinity beyond n. A score is above it exactly where its
    /// <see cref="PValue"/> is at most c.
    /// </summary>
    public float ThresholdAt(double contamination)
    {
        CheckContamination(contamination);
        // (n + 1)c is rounded down after a hair is added, so that 0.05 * 20 counts as 1 although it may compute as 0.99...
        // no more than the n scores themselves, for a contamination next to 1
        int flagged = Math.Min(Count, (int)Math.Floor((Count + 1) * contamination + 1e-9));
        int rank = Count + 1 - flagged;
        return rank > Count ? float.PositiveInfinity : _scores[rank - 1];
    }

    /// <summary>(1 + number of calibration scores at or above <paramref name="score"/>) / (n + 1); NaN for a NaN score.</summary>
    public float PValue(float score) => ShareAtOrAbove(_scores, score);

    /// <summary>
    /// |score - <see cref="MeanScore"/>|: how far a row is from the typical set, on either side. Rows of a density that is too high to be
    /// typical, which the score itself calls normal, stand out (Nalisnick et al. 2019, "Detecting out-of-distribution inputs to deep
    /// generative models using typicality").
    /// </summary>
    public float Typicality(float score) => MathF.Abs(score - MeanScore);

    /// <summary>The p-value of a <see cref="Typicality"/>, by the formula of <see cref="PValue"/> over the calibration rows' own.</summary>
    public float TypicalityPValue(float typicality) => ShareAtOrAbove(_typicalities, typicality);

    /// <summary>The rows that a threshold at a contamination needs: 1 / c - 1, rounded up; 0 where nothing is to be flagged.</summary>
    internal static double RowsFor(double contamination) => contamination > 0 ? Math.Ceiling(1 / contamination - 1e-9) - 1 : 0;

    /// <summary>The first position in ascending values that is at or above a value; their number where none is.</summary>
    internal static int FirstAtOrAbove(ReadOnlySpan<float> ascending, double value)
    {
        int low = 0, high = ascending.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ascending[middle] >= value) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    private static float ShareAtOrAbove(float[] ascending, float value)
    {
        if (float.IsNaN(value))
            return float.NaN;
        return (1f + (ascending.Length - FirstAtOrAbove(ascending, value))) / (ascending.Length + 1f);
    }

    private static void CheckContamination(double contamination)
    {
        if (!(contamination >= 0 && contamination < 1))
            throw new ArgumentOutOfRangeException(
                nameof(contamination), contamination, "The contamination is a share of rows, from 0 to below 1.");
    }
}
