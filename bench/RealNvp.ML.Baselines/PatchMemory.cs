using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>
/// The core of PatchCore (Roth et al., CVPR 2022): patch features are means over 3 x 3 positions, a subsample that covers them (greedy
/// k-centres in a random projection) is the memory, and the distance to the nearest of it is the score of a position.
/// </summary>
public sealed class PatchMemory : IDisposable
{
    private const int Projected = 128;

    private readonly Tensor _memory; // [m, channels]

    /// <summary>The memory of good pictures' maps [n, channels, height, width].</summary>
    /// <param name="maps">The maps.</param>
    /// <param name="share">The share of patches that is kept; the paper's smallest is 1 %, its usual one 10 %.</param>
    /// <param name="most">No more are kept.</param>
    /// <param name="seed">Of the projection and the first centre.</param>
    public PatchMemory(Tensor maps, double share = 0.1, int most = 5000, int seed = 1)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor patches = Patches(maps);
        int keep = (int)Math.Min(most, Math.Max(share * patches.shape[0], Math.Min(100, patches.shape[0])));
        _memory = patches.index_select(0, tensor(Centres(patches, keep, seed))).MoveToOuterDisposeScope();
    }

    /// <summary>The patches that are kept.</summary>
    public int Count => (int)_memory.shape[0];

    /// <summary>The distance to the nearest patch at every position, [n, positions].</summary>
    public float[][] Distances(Tensor maps)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return [.. NearestRows.Distances(_memory, Patches(maps), 1).Chunk((int)(maps.shape[2] * maps.shape[3]))];
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>[n * height * width, channels], each the mean of the positions around it that there are.</summary>
    private static Tensor Patches(Tensor maps)
    {
        Tensor means = nn.functional.avg_pool2d(maps, 3, 1, 1, count_include_pad: false);
        return means.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).contiguous();
    }

    /// <summary>Each next one is that which lies furthest from all before.</summary>
    private static long[] Centres(Tensor patches, int count, int seed)
    {
        using var random = new Generator((ulong)seed);
        Tensor low = patches.shape[1] <= Projected ? patches
            : patches.mm(randn([patches.shape[1], Projected], dtype: patches.dtype, generator: random) / Math.Sqrt(Projected));
        var centres = new long[count];
        centres[0] = randint(0, patches.shape[0], [1], generator: random).item<long>();
        Tensor nearest = full([patches.shape[0]], double.PositiveInfinity, dtype: patches.dtype);
        for (int i = 1; i < count; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor distances = (low - low[centres[i - 1]]).square().sum(1);
            nearest.copy_(minimum(nearest, distances));
            centres[i] = nearest.argmax().item<long>();
        }
        return centres;
    }
}
