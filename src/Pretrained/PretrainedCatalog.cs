using RealNvp.ML.Pretrained;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace Microsoft.ML;

/// <summary>What an MLContext can do with nets that were trained on other pictures.</summary>
public static class PretrainedCatalog
{
    /// <summary>
    /// Adds the features of pictures that a pretrained net computes: one vector of each picture, or where maps are named vectors of its
    /// positions.
    /// </summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="outputColumnName">
    /// The column that is added: Vector of Single, of the values of the pooled tensor, or of channels x height x width of the maps.
    /// </param>
    /// <param name="inputColumnName">The column of images, of any size.</param>
    /// <param name="maps">
    /// Which inner maps: names of <see cref="Backbone.Maps"/>, such as layer2, or of tensors of the graph. Null takes the pooled vector.
    /// </param>
    /// <param name="grid">
    /// The height and width that all maps are brought to; null takes those of the largest. A map shrinks by means of blocks, where the
    /// sizes allow, and grows linearly.
    /// </param>
    /// <param name="normalize">
    /// Whether each vector gets the Euclidean length 1, which tells anomalies better where vectors are pooled; null does so for pooled
    /// vectors and leaves maps as they are.
    /// </param>
    /// <param name="backbone">The net; <see cref="Backbone.ResNet18"/> by default.</param>
    /// <param name="crop">
    /// The part of a picture that the net sees, scaled to its size; null takes the whole picture, stretched where its sides differ.
    /// </param>
    /// <param name="batchSize">Pictures that are computed at once; null takes 16.</param>
    /// <param name="pathColumnName">
    /// A text column that names the picture in error messages, if there is one: ML.NET's LoadImages names no file that it cannot read.
    /// </param>
    /// <exception cref="ArgumentException">
    /// A name is empty, no map is named, the net has no pooled vector, or the grid has a side below 1.
    /// </exception>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.LoadImages("Image", "pictures", "Path")
    ///     .Append(mlContext.Transforms.PretrainedFeatures("Features", "Image", pathColumnName: "Path"))
    ///     .Append(mlContext.AnomalyDetection.Trainers.RealNvp());
    /// </code>
    /// </example>
    public static PretrainedFeaturesEstimator PretrainedFeatures(this TransformsCatalog catalog, string outputColumnName = "Features",
        string inputColumnName = "Image", IReadOnlyList<string>? maps = null, (int Height, int Width)? grid = null, bool? normalize = null,
        Backbone? backbone = null, ImageCrop? crop = null, int? batchSize = null, string? pathColumnName = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new(MlNetInternals.EnvironmentOf(catalog), backbone ?? Backbone.ResNet18, outputColumnName, inputColumnName, maps, grid,
            normalize, crop ?? ImageCrop.Whole, batchSize, pathColumnName);
    }
}
