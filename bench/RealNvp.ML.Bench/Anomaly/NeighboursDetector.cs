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

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    protected override float[] Scores(float[][] train, float[][] test)
    {
        float[] lengths = Array.ConvertAll(train, row => TensorPrimitives.SumOfSquares<float>(row));
        return Array.ConvertAll(test, row =>
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
            IEnumerable<float> closest = distances.Order().Take(Neighbours);
            return takesMean ? closest.Average() : closest.Last();
        });
    }
}
