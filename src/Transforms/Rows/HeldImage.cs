using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>The pixels of an image that waits in a batch; its memory serves the next image too.</summary>
internal struct HeldImage
{
    private byte[]? _bytes;
    private int _length, _width, _height;
    private MLPixelFormat _format;
    private string? _tag;

    /// <summary>Copies an image; a null one stays null.</summary>
    public void Take(MLImage? image)
    {
        _length = 0;
        if (image is null)
            return;
        ReadOnlySpan<byte> pixels = image.Pixels;
        if (_bytes is null || _bytes.Length < pixels.Length)
            _bytes = new byte[pixels.Length];
        pixels.CopyTo(_bytes);
        (_length, _width, _height, _format, _tag) = (pixels.Length, image.Width, image.Height, image.PixelFormat, image.Tag);
    }

    /// <summary>A fresh image, which is the reader's.</summary>
    public readonly MLImage? ToImage()
    {
        if (_length == 0)
            return null;
        MLImage image = MLImage.CreateFromPixels(_width, _height, _format, _bytes.AsSpan(0, _length));
        image.Tag = _tag;
        return image;
    }
}
