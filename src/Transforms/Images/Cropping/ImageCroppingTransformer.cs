using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Cropping;
using RealNvp.ML.Transforms.MlNet;

[assembly: LoadableClass(typeof(ImageCroppingTransformer), null, typeof(SignatureLoadModel),
    "Image cropping", ImageCroppingTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Cuts a part out of images and scales it to one size. Saved with <c>mlContext.Model.Save</c>, alone or in a pipeline, it loads again with
/// <c>mlContext.Model.Load</c> in any application that has this library beside it; no registration is needed.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | input | MLImage | An image of any size. |
/// | output | MLImage of known size | The part, scaled with an antialiased triangle filter; unscaled pixels come through unchanged. |
///
/// An image that cannot be read, or is too small for the crop, is an `InvalidDataException` that names file and row.
/// ]]></format>
/// </remarks>
public sealed class ImageCroppingTransformer : ITransformer
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpImageCropping";

    private static readonly SavedLayout s_layout = new("RNVPCROP", LoaderSignature, 0x00010005, Oldest: 0x00010002, Sealed: 0x00010004);

    private readonly ImageCropping _cropping;
    private readonly CroppingMap _map;

    internal ImageCroppingTransformer(ImageCropping cropping)
    {
        _cropping = cropping;
        _map = new CroppingMap(cropping);
    }

    /// <summary>The part that is cut out.</summary>
    public ImageCrop Crop => _cropping.Crop;

    /// <summary>The height of the result in pixels.</summary>
    public int Height => _cropping.Target.Height;

    /// <summary>The width of the result in pixels.</summary>
    public int Width => _cropping.Target.Width;

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the column. No image is read until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The image column is missing or of another type.</exception>
    public IDataView Transform(IDataView input) => ConvertibleView.Of(_map.Transform(input), input, new RefusedPart(
        nameof(ImageCroppingTransformer), $"ConvertToOnnx cannot convert the column '{_cropping.Output}' of a crop: it holds images, and a "
        + "graph holds numbers. Hand over a view taken after ExtractPixels, such as mlContext.Data.Cache(mlContext.Transforms."
        + "SelectColumns(\"Pixels\").Fit(view).Transform(view)), as the data, and convert the transformers that follow."));

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _map.RowMapper(inputSchema);

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx) => SavedSettings.Save(ctx, s_layout, _cropping.Save);

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static ImageCroppingTransformer Create(IHostEnvironment environment, object context)
        => new(SavedSettings.Load(context, s_layout, (reader, _) => ImageCropping.Load(reader)));
}
