namespace RealNvp.ML.Baselines;

/// <summary>
/// Images whose pixels know nothing of each other: one histogram of levels per pixel, every level counted once more than it occurs.
/// </summary>
public static class PixelHistograms
{
    /// <summary>Bits per dimension of test rows under the histograms of training rows. Exact: nothing is dequantised.</summary>
    /// <param name="train">Rows of whole levels, from 0 to below <paramref name="levels"/>.</param>
    /// <param name="test">Rows of the same.</param>
    /// <param name="levels">How many levels there are.</param>
    public static double BitsPerDimension(float[][] train, float[][] test, int levels)
    {
        int dimensions = train[0].Length;
        var counts = new int[dimensions * levels];
        foreach (float[] row in train)
        {
            for (int i = 0; i < dimensions; i++)
                counts[i * levels + (int)row[i]]++;
        }
        double total = train.Length + levels;
        return -test.Average(row => row.Select((level, i) => Math.Log2((counts[i * levels + (int)level] + 1) / total)).Sum()) / dimensions;
    }
}
