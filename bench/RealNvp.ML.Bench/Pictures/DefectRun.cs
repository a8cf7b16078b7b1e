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
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>PaDiM.</summary>
    public (double Image, double? Pixel) PositionGaussians()
        => Judge(DefectMethods.PositionGaussians((layers, grid, channels) => Read("PaDiM", layers, grid, channels)));

    /// <summary>PatchCore's core.</summary>
    public (double Image, double? Pixel) PatchMemory()
        => Judge(DefectMethods.PatchMemory((layers, grid, channels) => Read("PatchCore", layers, grid, channels)));

    private (double, double?) Judge(float[][] scores) => DefectMaps.Auroc(scores,
        Array.ConvertAll(folder.Test, picture => picture.IsDefect),
        Array.ConvertAll(folder.Test, picture => picture.Mask is { } mask ? DefectMask.Read(mask) : null));

    private (Tensor, Tensor) Read(string method, string[] layers, int grid, int[] channels) => (
        Read(folder.Train, $"{method}, training", layers, grid, channels),
        Read(folder.Test.Select(picture => picture.Path), $"{method}, test", layers, grid, channels));

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
