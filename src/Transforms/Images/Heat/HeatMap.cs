using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace RealNvp.ML.Transforms.Images.Heat;

/// <summary>What <see cref="ScoreMapImageTransformer"/> does, as data.</summary>
/// <param name="Output">The image column that is added.</param>
/// <param name="Map">The column of score maps.</param>
/// <param name="Picture">The image column that lies below, or null for a dark ground of the map's size.</param>
/// <param name="Low">Values up to this leave the picture as it is.</param>
/// <param name="High">Values from this on are brightest.</param>
/// <param name="Opacity">How much of the picture the brightest hide, from 0 to 1.</param>
internal sealed record HeatMap(string Output, string Map, string? Picture, float Low, float High, float Opacity)
{
    // from dark red over orange to pale yellow: brighter at every step, so that grey prints tell as much
    private static readonly (double Red, double Green, double Blue)[] s_colours =
        [(90, 0, 30), (200, 20, 20), (250, 120, 10), (255, 210, 60), (255, 255, 200)];

    /// <summary>This, after names and numbers were looked at.</summary>
    /// <exception cref="ArgumentException">A name is empty, or a number is out of range.</exception>
    public HeatMap Checked()
    {
        ArgumentException.ThrowIfNullOrEmpty(Output, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(Map, "scoreMapColumnName");
        if (!float.IsFinite(Low) || !float.IsFinite(High) || High <= Low)
            throw new ArgumentOutOfRangeException("high", $"The colours go from {Low} to {High}, expected finite values, low below high.");
        if (!(Opacity is > 0 and <= 1))
            throw new ArgumentOutOfRangeException("opacity", $"The opacity is {Opacity}, expected above 0 and at most 1.");
        return this;
    }

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Output);
        writer.Write(Map);
        writer.Write(Picture ?? "");
        writer.Write(Low);
        writer.Write(High);
        writer.Write(Opacity);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static HeatMap Load(BinaryReader reader)
    {
        string output = reader.ReadString(), map = reader.ReadString(), picture = reader.ReadString();
        return new HeatMap(output, map, picture.Length == 0 ? null : picture, reader.ReadSingle(), reader.ReadSingle(),
            reader.ReadSingle()).Checked();
    }

    /// <summary>The picture with the map over it, which is stretched to its size; the caller disposes it.</summary>
    /// <param name="picture">Below; null for a dark ground.</param>
    /// <param name="map">[height, width] values; where one is NaN the picture stays as it is.</param>
    /// <param name="mapHeight">Of the map.</param>
    /// <param name="mapWidth">Of the map.</param>
    public MLImage Paint(MLImage? picture, ReadOnlySpan<float> map, int mapHeight, int mapWidth)
    {
        (int height, int width) = picture is null ? (mapHeight, mapWidth) : (picture.Height, picture.Width);
        ReadOnlySpan<byte> below = picture is null ? default : picture.Pixels;
        bool isBgra = picture?.PixelFormat == MLPixelFormat.Bgra32;
        var rgba = new byte[4 * height * width];
        for (int y = 0; y < height; y++)
        {
            double row = Math.Clamp((y + 0.5) * mapHeight / height - 0.5, 0, mapHeight - 1);
            for (int x = 0; x < width; x++)
            {
                double column = Math.Clamp((x + 0.5) * mapWidth / width - 0.5, 0, mapWidth - 1);
                double heat = (Between(map, mapHeight, mapWidth, row, column) - Low) / ((double)High - Low);
                Span<byte> pixel = rgba.AsSpan(4 * (y * width + x), 4);
                if (!below.IsEmpty)
                    below.Slice(4 * (y * width + x), 4).CopyTo(pixel);
                if (isBgra)
                    (pixel[0], pixel[2]) = (pixel[2], pixel[0]);
                pixel[3] = byte.MaxValue;
                if (heat > 0)
                    Blend(pixel, Math.Min(heat, 1));
            }
        }
        return MLImage.CreateFromPixels(width, height, MLPixelFormat.Rgba32, rgba);
    }

    /// <summary>The type of the column over pictures of a type.</summary>
    public static ImageDataViewType Type(ImageDataViewType? picture, int mapHeight, int mapWidth) => picture switch
    {
        null => new(mapHeight, mapWidth),
        { Height: > 0, Width: > 0 } => new(picture.Height, picture.Width),
        _ => new(),
    };

    private void Blend(Span<byte> pixel, double heat)
    {
        double at = heat * (s_colours.Length - 1);
        int first = Math.Min((int)at, s_colours.Length - 2);
        ((double r0, double g0, double b0), (double r1, double g1, double b1)) = (s_colours[first], s_colours[first + 1]);
        double share = at - first, cover = Opacity * Math.Min(1, 4 * heat); // no hard edge where the map crosses the low end
        pixel[0] = Mix(pixel[0], r0 + share * (r1 - r0), cover);
        pixel[1] = Mix(pixel[1], g0 + share * (g1 - g0), cover);
        pixel[2] = Mix(pixel[2], b0 + share * (b1 - b0), cover);
    }

    private static byte Mix(byte below, double above, double cover) => (byte)Math.Round(below + cover * (above - below));

    private static double Between(ReadOnlySpan<float> map, int height, int width, double row, double column)
    {
        (int top, int left) = ((int)row, (int)column);
        (int bottom, int right) = (Math.Min(top + 1, height - 1), Math.Min(left + 1, width - 1));
        (double down, double across) = (row - top, column - left);
        double upper = map[top * width + left] + across * ((double)map[top * width + right] - map[top * width + left]);
        double lower = map[bottom * width + left] + across * ((double)map[bottom * width + right] - map[bottom * width + left]);
        return upper + down * (lower - upper);
    }
}
