using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace RealNvp.ML.Tests.Pretrained;

/// <summary>Drawn pictures in memory.</summary>
internal static class Pictures
{
    /// <summary>A level of a drawn picture.</summary>
    public static byte Level(int picture, int channel, int row, int column)
        => (byte)Math.Clamp(128 + 100 * Math.Sin((picture + 1) * (0.02 + 0.011 * channel) * row + 0.05 * (picture + 1) * column)
            + ((row * 31 + column * 17 + channel * 7 + picture * 13) % 23 - 11), 0, 255);

    /// <summary>The levels of a picture, planar, red first.</summary>
    public static float[] Planar(int picture, int height, int width) => [.. Enumerable.Range(0, 3 * height * width)
        .Select(i => (float)Level(picture, i / (height * width), i / width % height, i % width))];

    /// <summary>Pictures as a view with the column Image, some as Bgra and some as Rgba.</summary>
    public static IDataView Load(MLContext ml, int count, int height, int width) => ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, count).Select(picture => new Row { Number = picture, Image = Draw(picture, height, width) }),
        Schema(height, width));

    /// <summary>Pictures of a size that is known first when the test runs.</summary>
    public static SchemaDefinition Schema(int height, int width)
    {
        new ImageTypeAttribute(height, width).Register();
        var schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Image)].ColumnType = new ImageDataViewType(height, width);
        return schema;
    }

    private static MLImage Draw(int picture, int height, int width)
    {
        bool isBgr = picture % 2 == 1;
        byte[] pixels = [.. Enumerable.Range(0, 4 * height * width).Select(i => i % 4 == 3 ? (byte)255
            : Level(picture, isBgr ? 2 - i % 4 : i % 4, i / 4 / width, i / 4 % width))];
        return MLImage.CreateFromPixels(width, height, isBgr ? MLPixelFormat.Bgra32 : MLPixelFormat.Rgba32, pixels);
    }

    public sealed class Row
    {
        public float Number { get; set; }

        [ImageType(1, 1)]
        public MLImage Image { get; set; } = null!;
    }
}
