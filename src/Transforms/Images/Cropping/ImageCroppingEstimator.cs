using Microsoft.ML;
using RealNvp.ML.Transforms.Images.Cropping;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Cuts a part out of images and scales it to one size; made by <see cref="ImageCatalog.CropImages"/>. Nothing is learned.
/// </summary>
public sealed class ImageCroppingEstimator : IEstimator<ImageCroppingTransformer>
{
    private readonly ImageCropping _cropping;

    internal ImageCroppingEstimator(ImageCropping cropping) => _cropping = cropping.Checked();

    /// <summary>The transformer; no row is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The image column is missing or of another type.</exception>
    public ImageCroppingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var transformer = new ImageCroppingTransformer(_cropping);
        transformer.GetOutputSchema(input.Schema);
        return transformer;
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        var map = new CroppingMap(_cropping);
        map.FindInputs(inputSchema);
        return MlNetInternals.ShapeWith(inputSchema, map.Added);
    }
}
