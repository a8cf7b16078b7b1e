using System.Numerics.Tensors;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>Images in the IDX format (LeCun): a header of big-endian numbers, then unsigned bytes row by row.</summary>
internal sealed class IdxImages
{
    private readonly string _path;

    /// <summary>Reads the header.</summary>
    public IdxImages(string path)
    {
        _path = RecordFile.Existing(path);
        using var file = new RecordFile(path);
        int[] sizes = IdxHeader.Read(file, dimensions: 3);
        (Count, Height, Width) = (sizes[0], sizes[1], sizes[2]);
        if (Height is < 1 or > 1 << 14 || Width is < 1 or > 1 << 14)
        {
            throw new InvalidDataException(
                $"'{path}' says that its images are {Height} x {Width}. Expected: 1 to {1 << 14} pixels either way.");
        }
        if (RecordFile.Length(path) is { } length && length != ExpectedLength)
            throw Damaged(length);
    }

    /// <summary>How many images the header names.</summary>
    public int Count { get; }

    /// <summary>In pixels.</summary>
    public int Height { get; }

    /// <summary>In pixels.</summary>
    public int Width { get; }

    private int PixelCount => Height * Width;

    private long ExpectedLength => IdxHeader.Size(3) + (long)Count * PixelCount;

    /// <summary>The images, with labels where there are some.</summary>
    public IEnumerable<LabelledImageRow> Rows(byte[]? labels = null)
    {
        byte[] pixels = new byte[PixelCount];
        var row = new LabelledImageRow { Features = new float[PixelCount] };
        using var file = new RecordFile(_path);
        IdxHeader.Read(file, dimensions: 3);
        for (int i = 0; i < Count; i++)
        {
            if (file.Read(pixels) < pixels.Length)
                throw Damaged(file.Position);
            TensorPrimitives.ConvertChecked<byte, float>(pixels, row.Features);
            row.Label = labels is null ? 0u : labels[i];
            yield return row;
        }
        if (file.Read(pixels) > 0)
            throw Damaged(null);
    }

    private InvalidDataException Damaged(long? length) => new(
        $"'{_path}' has {(length is { } bytes ? $"{bytes}" : $"more than {ExpectedLength}")} "
            + $"bytes{(RecordFile.IsCompressed(_path) ? " decompressed" : "")}. Expected for {Count} images of {Height} x {Width}: "
            + $"{ExpectedLength}.");
}
