using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms.Images.Cropping;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms;

/// <summary>Cuts a part out of images and scales it to one size; made by <see cref="ImageCatalog.CropImages"/>. Nothing is learned.</summary>
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
        ArgumentNullException.ThrowIfNull(inputSchema);
        SchemaShape.Column source = inputSchema.FirstOrDefault(column => column.Name == _cropping.Input);
        if (source.Name is null || source.ItemType is not ImageDataViewType)
            throw ImageCropping.Mismatch(nameof(inputSchema), _cropping.Input, source.Name is null ? "is missing" : $"is {source.ItemType}", "an image");
        SchemaShape.Column path = inputSchema.FirstOrDefault(column => column.Name == _cropping.Path);
        if (_cropping.Path is { } name && path.ItemType is not TextDataViewType)
            throw ImageCropping.Mismatch(nameof(inputSchema), name, path.Name is null ? "is missing" : $"is {path.ItemType}", "text");
        SchemaShape.Column added = MlNetInternals.NewShapeColumn(
            _cropping.Output, SchemaShape.Column.VectorKind.Scalar, new ImageDataViewType(_cropping.Target.Height, _cropping.Target.Width), false, null);
        return new SchemaShape(inputSchema.Where(column => column.Name != _cropping.Output).Append(added));
    }
}
