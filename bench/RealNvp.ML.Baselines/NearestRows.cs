using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>Euclidean distances to the nearest rows of a set.</summary>
public static class NearestRows
{
    private const int Chunk = 1024;

    /// <summary>The distance of each row to its k-th nearest one.</summary>
    public static float[] Distances(Tensor set, Tensor rows, int k)
    {
        using IDisposable guard = no_grad();
        var distances = new List<float>();
        for (long first = 0; first < rows.shape[0]; first += Chunk)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor some = rows.narrow(0, first, Math.Min(Chunk, rows.shape[0] - first));
            Tensor kth = cdist(some, set).topk(k, dim: 1, largest: false).values.select(1, k - 1);
            distances.AddRange(kth.to(ScalarType.Float32).data<float>());
        }
        return [.. distances];
    }

    /// <summary>The same of rows in arrays.</summary>
    public static float[] Distances(float[][] set, float[][] rows, int k)
    {
        using DisposeScope scope = NewDisposeScope();
        return Distances(ShrunkGaussian.Rows(set), ShrunkGaussian.Rows(rows), k);
    }
}
