using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Pictures;

/// <summary>
/// The one place where a flow's values become pixels, by their <see cref="Levels"/>. Rows are planar, grey or red, green, blue, as
/// ExtractPixels gives them.
/// </summary>
/// <remarks>Not ML.NET's ConvertToImage: it writes pixels that are fully transparent, and values beyond 0 to 255 wrap around.</remarks>
internal sealed class LevelImage
{
    private readonly int _channels;
    private readonly int _height;
    private readonly int _width;
    private readonly Levels _levels;

    /// <summary>The images of a flow.</summary>
    /// <exception cref="InvalidOperationException">Its rows are no images, not of 1 or 3 channels, or of unknown levels.</exception>
    public LevelImage(FlowModel model)
    {
        if (!model.InputShape.IsImage)
        {
            throw new InvalidOperationException(
                $"The flow is over {model.InputShape} values, not over images (channels x height x width).");
        }
        ImmutableArray<int> shape = model.InputShape.Dimensions;
        (_channels, _height, _width) = (shape[0], shape[1], shape[2]);
        if (_channels is not (1 or 3))
        {
            throw new InvalidOperationException(
                $"A picture has 1 channel (grey) or 3 (red, green, blue); the flow's images are {model.InputShape}, of {_channels} "
                    + "channels.");
        }
        _levels = model.IsDiscrete && Levels.Of(model) is { } levels
            ? levels
            : throw new InvalidOperationException($"The flow does not say which levels its pixels have: {model.WhyNotDiscrete}");
        Type = new ImageDataViewType(_height, _width);
    }

    /// <summary>The type of a column of these images.</summary>
    public ImageDataViewType Type { get; }

    /// <summary>The picture of one planar row; the caller disposes it.</summary>
    public MLImage Create(ReadOnlySpan<float> row)
    {
        int pixels = _height * _width;
        var rgba = new byte[4 * pixels];
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            for (int color = 0; color < 3; color++)
                rgba[4 * pixel + color] = _levels.ToByte(row[(_channels == 1 ? 0 : color) * pixels + pixel]);
            rgba[4 * pixel + 3] = byte.MaxValue;
        }
        return MLImage.CreateFromPixels(_width, _height, MLPixelFormat.Rgba32, rgba);
    }

    /// <summary>A getter of the picture of the row of a batch where a reader stands.</summary>
    /// <remarks>
    /// ML.NET's convention: a reader owns the image it is given, and a getter disposes the one that it gets back for the next row.
    /// </remarks>
    public ValueGetter<MLImage> CreateGetter(float[] rows, IBatchPosition position)
    {
        int size = _channels * _height * _width;
        return (ref MLImage value) =>
        {
            int row = position.Computed();
            value?.Dispose();
            value = Create(rows.AsSpan(row * size, size));
        };
    }
}
