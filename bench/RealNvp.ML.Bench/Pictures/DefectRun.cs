using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Pretrained;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>The published methods on the pictures of one category.</summary>
internal sealed class DefectRun(PictureFolder folder, Progress progress)
{
    private const int PositionGrid = 56, PositionChannels = 100;

    private readonly MLContext _ml = new(seed: 1);

    /// <summary>PaDiM: layers 1 to 3 at 56 x 56, 100 of the 448 channels.</summary>
    public (double Image, double? Pixel) PositionGaussians()
    {
        using DisposeScope scope = NewDisposeScope();
        int[] channels = [.. Enumerable.Range(0, 448)];
        new Random(1).Shuffle(channels);
        string[] layers = ["layer1", "layer2", "layer3"];
        Tensor Maps(IEnumerable<string> paths, string stage) => Read(paths, stage, layers, PositionGrid, channels[..PositionChannels])
            .reshape(-1, PositionChannels, PositionGrid * PositionGrid);
        using var gaussians = new PositionGaussians(Maps(folder.Train, "PaDiM, training"), PositionChannels);
        Tensor distances = gaussians.Distances(Maps(folder.Test.Select(picture => picture.Path), "PaDiM, test"));
        return Judge([.. distances.data<float>().ToArray().Chunk(PositionGrid * PositionGrid)]);
    }

    /// <summary>PatchCore's core: layers 2 and 3 at 28 x 28.</summary>
    public (double Image, double? Pixel) PatchMemory()
    {
        const int grid = 28;
        using DisposeScope scope = NewDisposeScope();
        string[] layers = ["layer2", "layer3"];
        int[] all = [.. Enumerable.Range(0, 384)];
        using var memory = new PatchMemory(Read(folder.Train, "PatchCore, training", layers, grid, all));
        return Judge(memory.Distances(Read(folder.Test.Select(picture => picture.Path), "PatchCore, test", layers, grid, all)));
    }

    private (double, double?) Judge(float[][] scores) => DefectMaps.Auroc(scores,
        Array.ConvertAll(folder.Test, picture => picture.IsDefect),
        Array.ConvertAll(folder.Test, picture => picture.Mask is { } mask ? DefectMaps.Mask(mask) : null));

    /// <summary>Some channels of maps on a grid, [n, channels, grid, grid].</summary>
    private Tensor Read(IEnumerable<string> paths, string stage, string[] layers, int grid, int[] channels)
    {
        File[] files = [.. paths.Select(path => new File { ImagePath = path })];
        IDataView view = _ml.Data.LoadFromEnumerable(files);
        var pipeline = _ml.Transforms.LoadImages("Image", null, nameof(File.ImagePath))
            .Append(_ml.Transforms.PretrainedFeatures("Maps", maps: layers, grid: (grid, grid)));
        using TransformerChain<PretrainedFeaturesTransformer> model = pipeline.Fit(view);
        int size = grid * grid;
        var values = new float[(long)files.Length * channels.Length * size];
        int picture = 0;
        foreach (VBuffer<float> maps in model.Transform(view).GetColumn<VBuffer<float>>("Maps"))
        {
            for (int i = 0; i < channels.Length; i++)
            {
                maps.GetValues().Slice(channels[i] * size, size).CopyTo(values.AsSpan((picture * channels.Length + i) * size, size));
            }
            progress.Show($"{folder.Name}: {stage}", ++picture, files.Length);
        }
        return tensor(values, [files.Length, channels.Length, grid, grid]);
    }

    private sealed class File
    {
        public string ImagePath { get; set; } = "";
    }
}
