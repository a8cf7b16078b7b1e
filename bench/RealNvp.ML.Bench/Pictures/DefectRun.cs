using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Pretrained;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>The flow and the published methods on the pictures of one category.</summary>
internal sealed class DefectRun(PictureFolder folder, Progress progress)
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>A flow of layers 1 and 2 at 28 x 28, judged by its map of the score.</summary>
    public (double Image, double? Pixel) Flow(Experiment experiment)
    {
        RealNvpTrainer.Options options = experiment.Options();
        options.FeatureKind = FeatureKind.Maps;
        options.Columns = new() { ScoreMap = "ScoreMap" };
        progress.Show($"{folder.Name}: flow", 0, 1);
        var pipeline = _ml.Transforms.LoadImages("Image", null, nameof(File.ImagePath))
            .Append(_ml.Transforms.PretrainedFeatures(maps: ["layer1", "layer2"], grid: (28, 28),
                pathColumnName: nameof(File.ImagePath)))
            .Append(_ml.AnomalyDetection.Trainers.RealNvp(options));
        using var model = pipeline.Fit(View(folder.Train));
        return Judge([.. model.Transform(View(folder.Test.Select(picture => picture.Path))).GetColumn<VBuffer<float>>("ScoreMap")
            .Select(map => map.DenseValues().ToArray())]);
    }

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
        string[] files = [.. paths];
        IDataView view = View(files);
        var pipeline = _ml.Transforms.LoadImages("Image", null, nameof(File.ImagePath))
            .Append(_ml.Transforms.PretrainedFeatures("Maps", maps: layers, grid: (grid, grid),
                pathColumnName: nameof(File.ImagePath)));
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

    private IDataView View(IEnumerable<string> paths) => _ml.Data.LoadFromEnumerable(paths.Select(path => new File { ImagePath = path }));

    private sealed class File
    {
        public string ImagePath { get; set; } = "";
    }
}
