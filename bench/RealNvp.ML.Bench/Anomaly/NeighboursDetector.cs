using System.Numerics.Tensors;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>
/// Nearest neighbours: the distance to the k-th of them (kNN), or the mean distance to all k, which is what DTE-NP ranks by (Livernoche et
/// al., ICLR 2024).
/// </summary>
/// <param name="name">What results are filed under.</param>
/// <param name="takesMean">Whether the mean distance counts.</param>
internal sealed class NeighboursDetector(string name, bool takesMean) : GeometricDetector
{
    private const int Neighbours = 5;

    /// <summary>The last search of this thread: both detectors rank by the same neighbours, one after the other.</summary>
    [ThreadStatic]
    private static (float[][] Train, float[][] Test, DetectorRun Run)? s_last;

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    /// <remarks>The seconds are those of the search, whoever began it.</remarks>
    public override DetectorRun Run(float[][] train, float[][] test, int seed)
    {
        if (s_last is not { } search || search.Train != train || search.Test != test)
            s_last = search = (train, test, base.Run(train, test, seed));
        return search.Run with { Scores = search.Run.Scores[takesMean ? test.Length.. : ..test.Length] };
    }

    /// <summary>The distances to the farthest of the neighbours, and after them those to all in the mean.</summary>
    protected override float[] Scores(float[][] train, float[][] test)
    {
        float[] lengths = Array.ConvertAll(train, row => TensorPrimitives.SumOfSquares<float>(row));
        (float Farthest, float Mean)[] found = Array.ConvertAll(test, row =>
        {
            // |a - b|^2 = |a|^2 + |b|^2 - 2 ab only chooses the neighbours: near ones lose their digits in it
            float length = TensorPrimitives.SumOfSquares<float>(row);
            Span<float> nearest = stackalloc float[2 * Neighbours];
            Span<int> which = stackalloc int[2 * Neighbours];
            nearest.Fill(float.PositiveInfinity);
            for (int i = 0; i < train.Length; i++)
            {
                float distance = length + lengths[i] - 2 * TensorPrimitives.Dot(row, train[i]);
                if (!(distance < nearest[^1]))
                    continue;
                int at = nearest.Length - 1;
                for (; at > 0 && distance < nearest[at - 1]; at--)
                    (nearest[at], which[at]) = (nearest[at - 1], which[at - 1]);
                (nearest[at], which[at]) = (distance, i);
            }
            var distances = new List<float>();
            for (int i = 0; i < Math.Min(which.Length, train.Length); i++)
                distances.Add(TensorPrimitives.Distance(row, train[which[i]]));
            float[] closest = [.. distances.Order().Take(Neighbours)];
            return (closest[^1], closest.Average());
        });
        return [.. found.Select(row => row.Farthest), .. found.Select(row => row.Mean)];
    }
}
