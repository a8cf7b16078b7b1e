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
        private ValueGetter<MLImage>? _read;
        private ValueGetter<ReadOnlyMemory<char>>? _path;
        private MLImage? _source; // the last one is left to the collector: it may be the caller's own object
        private DataViewRowId _id;
        private byte[] _pixels = [];

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
        {
            _read = source.GetGetter<MLImage>(inputs[0]);
            if (inputs.Length > 1)
                _path = source.GetGetter<ReadOnlyMemory<char>>(inputs[1]);
        }

        public override void Take(int row, in DataViewRowId id)
        {
            _id = id;
            try
            {
                _read!(ref _source!);
            }
            catch (Exception e) when (e is IOException or ArgumentException or InvalidOperationException or UnauthorizedAccessException)
            {
                _source = null;
                throw new InvalidDataException($"{Name()} cannot be read: {e.Message}", e);
            }
            if (_source is null)
                throw new InvalidDataException($"{Name()} is missing: the value of column '{cropping.Input}' is empty.");
            if (ImageFileCheck.Fault(_source, File().ToString()) is { } fault)
                throw new InvalidDataException($"{Name()} cannot be read whole: {fault}.");
        }

        public override void Run(int count)
        {
            ImageSize size = new(_source!.Height, _source.Width);
            ImageWindow window = cropping.Crop.Window(size, cropping.Target, unchecked((long)(_id.Low ^ _id.High)))
                ?? throw new InvalidDataException(
                    $"{Name()} has {size.Height} rows and {size.Width} columns. Expected: {cropping.Crop.Requirement}.");
            _pixels = ImageResampler.Resample(_source, window, cropping.Target);
        }

        public override Delegate CreateGetter(int added, IBatchPosition position) => (ValueGetter<MLImage>)((ref MLImage value) =>
        {
            value?.Dispose();
            value = null!;
            position.Computed();
            value = MLImage.CreateFromPixels(cropping.Target.Width, cropping.Target.Height, _source!.PixelFormat, _pixels);
            value.Tag = _source.Tag;
        });

        // by its id, for ML.NET deals rows out to cursors that count anew
        private string Name()
        {
            ReadOnlyMemory<char> file = File();
            return file.IsEmpty ? $"The image in row {_id.Low}" : $"The image '{file}' in row {_id.Low}";
        }

        private ReadOnlyMemory<char> File()
        {
            ReadOnlyMemory<char> file = _source?.Tag.AsMemory() ?? default;
            if (file.IsEmpty)
                _path?.Invoke(ref file);
            return file;
        }
    }
}
