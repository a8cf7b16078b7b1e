using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>Published methods that find defects on the maps of a pretrained ResNet18, with the layers and sizes of their authors.</summary>
public static class DefectMethods
{
    private const int PositionGrid = 56, PositionChannels = 100, PatchGrid = 28;

    /// <summary>Reads maps [n, channels, grid, grid], of the good pictures and of the tested ones.</summary>
    /// <param name="layers">Which maps, one after the other.</param>
    /// <param name="grid">The side that all are brought to.</param>
    /// <param name="channels">Which channels of all of them.</param>
    public delegate (Tensor Good, Tensor Tested) Reader(string[] layers, int grid, int[] channels);

    /// <summary>PaDiM: layers 1 to 3 at 56 x 56, 100 of the 448 channels. Scores of positions of each tested picture.</summary>
    public static float[][] PositionGaussians(Reader read)
    {
        ArgumentNullException.ThrowIfNull(read);
        using DisposeScope scope = NewDisposeScope();
        int[] channels = [.. Enumerable.Range(0, 448)];
        new Random(1).Shuffle(channels);
        (Tensor good, Tensor tested) = read(["layer1", "layer2", "layer3"], PositionGrid, channels[..PositionChannels]);
        using var gaussians = new PositionGaussians(good.flatten(2), PositionChannels);
        return [.. gaussians.Distances(tested.flatten(2)).data<float>().ToArray().Chunk(PositionGrid * PositionGrid)];
    }

    /// <summary>PatchCore's core: layers 2 and 3 at 28 x 28. Scores of positions of each tested picture.</summary>
    public static float[][] PatchMemory(Reader read)
    {
        ArgumentNullException.ThrowIfNull(read);
        using DisposeScope scope = NewDisposeScope();
        (Tensor good, Tensor tested) = read(["layer2", "layer3"], PatchGrid, [.. Enumerable.Range(0, 384)]);
        using var memory = new PatchMemory(good);
        return memory.Distances(tested);
    }
}
