using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>
/// PaDiM (Defard et al., ICPR 2021): a Gaussian of some channels of a pretrained net's maps at every position, its covariance with 0.01 of
/// the identity added, and the Mahalanobis distance there.
/// </summary>
public sealed class PositionGaussians : IDisposable
{
    private const double Ridge = 0.01;

    private readonly Tensor _channels, _means, _factors; // [k], [positions, k], [positions, k, k]

    /// <summary>The Gaussians of pictures' maps [n, channels, positions].</summary>
    /// <param name="maps">The maps.</param>
    /// <param name="most">How many channels, drawn at random; the paper takes 100 of 448 for ResNet18.</param>
    /// <param name="seed">Which.</param>
    public PositionGaussians(Tensor maps, int most = 100, int seed = 1)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        long[] order = [.. Enumerable.Range(0, (int)maps.shape[1]).Select(i => (long)i)];
        new Random(seed).Shuffle(order);
        _channels = tensor(order[..Math.Min(most, order.Length)]).MoveToOuterDisposeScope();
        Tensor rows = maps.index_select(1, _channels).permute(2, 0, 1); // [positions, n, k]
        _means = rows.mean([1]).MoveToOuterDisposeScope();
        Tensor centred = rows - _means.unsqueeze(1);
        Tensor covariances = centred.transpose(1, 2).bmm(centred) / Math.Max(1, maps.shape[0] - 1)
            + Ridge * eye(_channels.shape[0], dtype: maps.dtype);
        _factors = linalg.cholesky(covariances).MoveToOuterDisposeScope();
    }

    /// <summary>The distance at every position, [n, positions].</summary>
    public Tensor Distances(Tensor maps)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = maps.index_select(1, _channels).permute(2, 1, 0) - _means.unsqueeze(2); // [positions, k, n]
        return linalg.solve_triangular(_factors, rows, upper: false).square().sum(1).sqrt().t().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _channels.Dispose();
        _means.Dispose();
        _factors.Dispose();
    }
}
