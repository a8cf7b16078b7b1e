using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>Reads the images of a column row by row, and says of one that cannot be read which it is.</summary>
/// <param name="source">The rows.</param>
/// <param name="images">The image column.</param>
/// <param name="path">A text column that names the images, or null.</param>
internal sealed class ImageSource(DataViewRow source, DataViewSchema.Column images, DataViewSchema.Column? path)
{
    private readonly ValueGetter<MLImage> _read = source.GetGetter<MLImage>(images);
    private readonly ValueGetter<ReadOnlyMemory<char>>? _path = path is { } named
        ? source.GetGetter<ReadOnlyMemory<char>>(named) : null;

    private MLImage? _image; // the last one is left to the collector: it may be the caller's own object
    private DataViewRowId _id;

    /// <summary>The image of the source's current row, whose id is given; valid until the next one is read.</summary>
    /// <exception cref="InvalidDataException">It is missing or cannot be read whole.</exception>
    public MLImage Read(in DataViewRowId id)
    {
        _id = id;
        try
        {
            _read(ref _image!);
        }
        catch (Exception e) when (e is IOException or ArgumentException or InvalidOperationException or UnauthorizedAccessException)
        {
            _image = null;
            throw new InvalidDataException($"{Name()} cannot be read: {e.Message}", e);
        }
        if (_image is null)
            throw new InvalidDataException($"{Name()} is missing: the value of column '{images.Name}' is empty.");
        if (ImageFileCheck.Fault(_image, File().ToString()) is { } fault)
            throw new InvalidDataException($"{Name()} cannot be read whole: {fault}.");
        return _image;
    }

    /// <summary>What the current image is called: by its row's id, for ML.NET deals rows out to cursors that count anew.</summary>
    public string Name()
    {
        ReadOnlyMemory<char> file = File();
        return file.IsEmpty ? $"The image in row {_id.Low}" : $"The image '{file}' in row {_id.Low}";
    }

    private ReadOnlyMemory<char> File()
    {
        ReadOnlyMemory<char> file = _image?.Tag.AsMemory() ?? default;
        if (file.IsEmpty)
            _path?.Invoke(ref file);
        return file;
    }
}
