using Microsoft.ML;
using Microsoft.ML.Runtime;
using RealNvp.ML.Pretrained.Features;
using RealNvp.ML.Pretrained.Graphs;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Cropping;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Pretrained;

/// <summary>
/// Pictures to the features of a pretrained net; made by <see cref="PretrainedCatalog.PretrainedFeatures"/>. Nothing is learned: fitting
/// looks into the net's file.
/// </summary>
public sealed class PretrainedFeaturesEstimator : IEstimator<PretrainedFeaturesTransformer>
{
    private readonly IHost _host;
    private readonly ImageCropping _cropping;
    private readonly FeatureRecipe _recipe;
    private readonly int _batchSize;
    private readonly Lazy<FeatureSettings> _settings;

    internal PretrainedFeaturesEstimator(IHostEnvironment environment, Backbone backbone, string output, string input,
        IReadOnlyList<string>? maps, (int Height, int Width)? grid, bool? normalize, ImageCrop crop, int? batchSize,
        string? path)
    {
        ArgumentException.ThrowIfNullOrEmpty(output, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(input, "inputColumnName");
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize ?? 1, 1, nameof(batchSize));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batchSize ?? 1, 1 << 12, nameof(batchSize));
        if (maps is { Count: 0 } || maps?.Any(string.IsNullOrEmpty) == true)
        {
            throw new ArgumentException("No map is named, or one by an empty name: name some, or leave maps out for the pooled vector.",
                nameof(maps));
        }
        if (maps is null && grid is not null)
            throw new ArgumentException("A grid is for maps, and none is named: name maps, or leave the grid out.", nameof(grid));
        if (grid is { Height: < 1 or > 1 << 13 } or { Width: < 1 or > 1 << 13 })
        {
            throw new ArgumentException($"The grid is {grid.Value.Height} x {grid.Value.Width}, expected sides from 1 to {1 << 13}.",
                nameof(grid));
        }
        if (maps is null && backbone.Pooled is null)
        {
            throw new ArgumentException($"{backbone.Path} has several outputs, and none is named as the pooled vector: name it in "
                + "Backbone.FromOnnx, or name maps.", nameof(backbone));
        }
        _host = environment.Register(nameof(PretrainedFeaturesEstimator));
        _cropping = new ImageCropping(output, input, path, new(backbone.Height, backbone.Width), crop).Checked();
        _batchSize = batchSize ?? FeatureMap.DefaultBatchSize;
        _recipe = new FeatureRecipe(backbone.Path, backbone.MeanImagePath, backbone.Input, backbone.Height, backbone.Width,
            backbone.Pixels.IsBgr, backbone.Pixels.Scale, backbone.Pixels.Mean, backbone.Pixels.StandardDeviation,
            maps is null ? [backbone.Pooled!] : [.. maps.Select(map => backbone.Maps.GetValueOrDefault(map) ?? map)], maps is null, grid,
            normalize ?? maps is null);
        _settings = new(() => FeatureSettings.Of(_cropping, _recipe));
    }

    /// <summary>The transformer, which the caller disposes; no picture is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The image column is missing or of another type.</exception>
    /// <exception cref="FileNotFoundException">The net's file is nowhere.</exception>
    /// <exception cref="ArgumentException">The net has no such tensor, or it is none of features.</exception>
    public PretrainedFeaturesTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var transformer = new PretrainedFeaturesTransformer(_host, _settings.Value, _batchSize);
        transformer.GetOutputSchema(input.Schema);
        return transformer;
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        FeatureMap.FindInputs(inputSchema, _cropping);
        return MlNetInternals.ShapeWith(inputSchema, new FeatureMap(null!, _settings.Value, _batchSize).Added);
    }
}
