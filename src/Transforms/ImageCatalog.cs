using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Cropping;

namespace Microsoft.ML;

/// <summary>
/// What an MLContext can do to turn images into the features that a flow over images reads: planar, red, green and blue, levels 0 to 255.
/// </summary>
public static class ImageCatalog
{
    /// <summary>Cuts a part out of each image and scales it to one size.</summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="outputColumnName">The image column that is added.</param>
    /// <param name="height">The height of the result in pixels.</param>
    /// <param name="width">The width of the result in pixels.</param>
    /// <param name="crop">The part; by default the largest centred one with the aspect of the result.</param>
    /// <param name="inputColumnName">The image column that is read; by default named as the output.</param>
    /// <param name="pathColumnName">
    /// A text column that names the image in error messages, if there is one: ML.NET's LoadImages does not.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range, or the crop can never have it.</exception>
    public static ImageCroppingEstimator CropImages(
        this TransformsCatalog catalog, string outputColumnName, int height, int width, ImageCrop? crop = null,
        string? inputColumnName = null, string? pathColumnName = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new(new ImageCropping(
            outputColumnName, inputColumnName ?? outputColumnName, pathColumnName, new(height, width), crop ?? ImageCrop.Center));
    }

    /// <summary>
    /// Turns images into features: crops and scales them, then lists the levels of their pixels. To score images as they were for training,
    /// append this with the same preset in front of the flow.
    /// </summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="preset">The shape of the features, and the part of the image.</param>
    /// <param name="outputColumnName">The column that is added: Vector of Single (channels, height, width), 0 to 255.</param>
    /// <param name="inputColumnName">The image column that is read.</param>
    /// <exception cref="ArgumentOutOfRangeException">The preset's numbers are out of range.</exception>
    /// <example>
    /// <code>
    /// var pipeline =
    /// mlContext.Transforms.ExtractImageFeatures(ImagePreset.CelebA).Append(mlContext.Transforms.ApplyRealNvp("faces.rnvp"));
    /// </code>
    /// </example>
    public static IEstimator<ITransformer> ExtractImageFeatures(
        this TransformsCatalog catalog, ImagePreset preset, string outputColumnName = "Features", string inputColumnName = "Image")
        => Extract(catalog, preset, outputColumnName, inputColumnName, null);

    /// <summary>
    /// As <see cref="ExtractImageFeatures"/>, from image files. An image that cannot be read, or is too small for its crop, is an error
    /// that names it, and so is a file that ends too early or is damaged where SkiaSharp, which does the reading for ML.NET, leaves the
    /// rest of the image black.
    /// </summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="preset">The shape of the features, and the part of the image.</param>
    /// <param name="outputColumnName">The column that is added: Vector of Single (channels, height, width), 0 to 255.</param>
    /// <param name="pathColumnName">The text column with the files' paths.</param>
    public static IEstimator<ITransformer> LoadImageFeatures(
        this TransformsCatalog catalog, ImagePreset preset, string outputColumnName = "Features", string pathColumnName = "ImagePath")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(outputColumnName);
        string loaded = outputColumnName + ":loaded";
        return catalog.LoadImages(loaded, null, pathColumnName)
            .Append(Extract(catalog, preset, outputColumnName, loaded, pathColumnName))
            .Append(catalog.DropColumns(loaded));
    }

    /// <summary>
    /// Paints the score map of a flow, <see cref="RealNvpColumns.ScoreMap"/>, over the picture that it is of: where and how strange.
    /// </summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="outputColumnName">The image column that is added.</param>
    /// <param name="scoreMapColumnName">The column of maps.</param>
    /// <param name="imageColumnName">The image column that lies below; null for a dark ground of the map's size.</param>
    /// <param name="low">
    /// Values up to this, in nats, leave the picture as it is. Null tells it from the maps that the estimator is fitted on, of usual
    /// pictures: 95 % of their values are below.
    /// </param>
    /// <param name="high">
    /// Values from this on are brightest. Null tells it from the same maps: four times as far from the low end as their largest value.
    /// </param>
    /// <param name="opacity">How much of the picture bright colours hide, above 0 to 1.</param>
    /// <exception cref="ArgumentException">A name is empty, or a number is out of range.</exception>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.ApplyRealNvp("weave.rnvp", columns: new() { ScoreMap = "ScoreMap" })
    ///     .Append(mlContext.Transforms.ScoreMapImage());
    /// foreach (MLImage image in pipeline.Fit(good).Transform(tested).GetColumn&lt;MLImage&gt;("ScoreMapImage"))
    ///     image.SavePng($"map{i++}.png");
    /// </code>
    /// </example>
    public static ScoreMapImageEstimator ScoreMapImage(this TransformsCatalog catalog, string outputColumnName = "ScoreMapImage",
        string scoreMapColumnName = "ScoreMap", string? imageColumnName = "Image", float? low = null, float? high = null,
        float opacity = 0.7f)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new(outputColumnName, scoreMapColumnName, imageColumnName, low, high, opacity);
    }

    private static IEstimator<ITransformer> Extract(
        TransformsCatalog catalog, ImagePreset preset, string output, string input, string? path)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(preset);
        ArgumentException.ThrowIfNullOrEmpty(output);
        string cropped = output + ":cropped";
        IEstimator<ITransformer> crop = catalog.CropImages(cropped, preset.Height, preset.Width, preset.Crop, input, path);
        return (preset.Channels switch
        {
            3 => crop.Append(catalog.ExtractPixels(output, cropped)),
            // after ConvertToGrayscale the three colours are equal
            1 => crop.Append(catalog.ConvertToGrayscale(cropped))
                .Append(catalog.ExtractPixels(output, cropped, ImagePixelExtractingEstimator.ColorBits.Red)),
            _ => throw new ArgumentOutOfRangeException(
                nameof(preset), $"The images are to have {preset.Channels} channels. Expected: 3 (colour) or 1 (grey)."),
        }).Append(catalog.DropColumns(cropped));
    }
}
