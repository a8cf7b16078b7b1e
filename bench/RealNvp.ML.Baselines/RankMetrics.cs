namespace RealNvp.ML.Baselines;

/// <summary>
/// How well scores rank anomalies above normal rows. Rows with equal scores count as one step, so that their order in the file cannot
/// matter.
/// </summary>
public static class RankMetrics
{
    /// <summary>
    /// Area under the ROC curve, 0 to 1: the chance that an anomaly scores above a normal row, a tie counting half (the Mann-Whitney
    /// statistic).
    /// </summary>
    /// <exception cref="ArgumentException">Lengths differ, a score is NaN, or one of the two kinds of rows is missing.</exception>
    public static double Auroc(ReadOnlySpan<float> scores, ReadOnlySpan<bool> anomalies)
    {
        double wins = 0;
        long above = 0, normals = 0;
        foreach ((int hits, int misses) in Steps(scores, anomalies))
        {
            wins += (double)misses * above + 0.5 * misses * hits;
            above += hits;
            normals += misses;
        }
        return wins / ((double)above * normals);
    }

    /// <summary>
    /// Average precision, 0 to 1: the precision at each distinct score, weighted by the recall gained there. The step-wise sum of
    /// scikit-learn, not the trapezoid, which is too high.
    /// </summary>
    /// <exception cref="ArgumentException">Lengths differ, a score is NaN, or one of the two kinds of rows is missing.</exception>
    public static double AveragePrecision(ReadOnlySpan<float> scores, ReadOnlySpan<bool> anomalies)
    {
        double sum = 0;
        long found = 0, looked = 0;
        foreach ((int hits, int misses) in Steps(scores, anomalies))
        {
            found += hits;
            looked += hits + misses;
            sum += (double)hits * found / looked;
        }
        return sum / found;
    }

    /// <summary>
    /// Recall at a rate of false alarms, 0 to 1: the share of anomalies above the lowest threshold that flags at most this share of the
    /// normal rows.
    /// </summary>
    /// <exception cref="ArgumentException">Lengths differ, a score is NaN, or one of the two kinds of rows is missing.</exception>
    public static double Recall(ReadOnlySpan<float> scores, ReadOnlySpan<bool> anomalies, double falseAlarms)
    {
        long normal = anomalies.Count(false), allowed = (long)Math.Floor(falseAlarms * normal), found = 0, flagged = 0;
        foreach ((int hits, int misses) in Steps(scores, anomalies))
        {
            flagged += misses;
            if (flagged > allowed)
                break;
            found += hits;
        }
        return (double)found / (anomalies.Length - normal);
    }

    /// <summary>Anomalies and normal rows at each distinct score, from the highest score down.</summary>
    private static List<(int Hits, int Misses)> Steps(ReadOnlySpan<float> scores, ReadOnlySpan<bool> anomalies)
    {
        if (scores.Length != anomalies.Length)
            throw new ArgumentException($"{scores.Length} scores for {anomalies.Length} labels.", nameof(scores));
        if (!anomalies.Contains(true) || !anomalies.Contains(false))
            throw new ArgumentException("Ranking needs both anomalies and normal rows.", nameof(anomalies));

        float[] keys = scores.ToArray();
        if (Array.Exists(keys, float.IsNaN))
            throw new ArgumentException("A score is NaN, which has no rank.", nameof(scores));
        bool[] labels = anomalies.ToArray();
        Array.Sort(keys, labels);
        var steps = new List<(int Hits, int Misses)>();
        for (int end = keys.Length; end > 0;)
        {
            int start = end, hits = 0;
            do
                hits += labels[--start] ? 1 : 0;
            while (start > 0 && keys[start - 1] == keys[end - 1]);
            steps.Add((hits, end - start - hits));
            end = start;
        }
        return steps;
    }
}
