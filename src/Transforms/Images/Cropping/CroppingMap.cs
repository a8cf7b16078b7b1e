using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>An image, and a text column that names it where there is one, to the part that is cut out.</summary>
internal sealed class CroppingMap(ImageCropping cropping) : RowMap
{
    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
    {
        DataViewSchema.Column image = InputColumn.Find(schema, cropping.Input, "an image", type => NotAnImage(type));
        return cropping.Path is null ? [image] : [image, InputColumn.Find(schema, cropping.Path, "text", type => NotText(type))];
    }

    /// <summary>The same as far as a schema shape can tell, and the shape of the result.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public SchemaShape.Column[] FindInputs(SchemaShape shape)
    {
        SchemaShape.Column image = InputColumn.Find(shape, cropping.Input, "an image", column => NotAnImage(column.ItemType));
        return cropping.Path is null
            ? [image]
            : [image, InputColumn.Find(shape, cropping.Path, "text", column => NotText(column.ItemType))];
    }

    /// <summary>The column that is added to any schema.</summary>
    public DataViewSchema.DetachedColumn Added { get; }
        = new(cropping.Output, new ImageDataViewType(cropping.Target.Height, cropping.Target.Width));

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input) => [Added];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(cropping);

    private static string? NotAnImage(DataViewType type) => type is ImageDataViewType ? null : $"is {type}";

    private static string? NotText(DataViewType type) => type is TextDataViewType ? null : $"is {type}";

    /// <summary>Cuts out of the image of one row.</summary>
    private sealed class Worker(ImageCropping cropping) : BatchWorker
    {
        private ImageSource? _images;
        private MLImage? _source;
        private DataViewRowId _id;
        private byte[] _pixels = [];

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
            => _images = new(source, inputs[0], inputs.Length > 1 ? inputs[1] : null);

        public override void Take(int row, in DataViewRowId id)
        {
            _id = id;
            _source = _images!.Read(id);
        }

        public override void Run(int count)
            => _pixels = ImageResampler.Resample(_source!, cropping.Window(_source!, _id, _images!.Name), cropping.Target);

        public override Delegate CreateGetter(int added, IBatchPosition position) => (ValueGetter<MLImage>)((ref MLImage value) =>
        {
            value?.Dispose();
            value = null!;
            position.Computed();
            value = MLImage.CreateFromPixels(cropping.Target.Width, cropping.Target.Height, _source!.PixelFormat, _pixels);
            value.Tag = _source.Tag;
        });
    }
}
