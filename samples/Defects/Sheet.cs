using Microsoft.ML.Data;

namespace RealNvp.ML.Samples;

/// <summary>Pictures side by side, in rows, at half their size.</summary>
internal static class Sheet
{
    private const int Half = Textures.Side / 2;

    /// <summary>The sheet.</summary>
    /// <param name="rows">Pixels of four bytes of pictures that are <see cref="Textures.Side"/> wide and high.</param>
    public static MLImage Of(byte[][][] rows)
    {
        int width = rows[0].Length * Half, height = rows.Length * Half;
        var sheet = new byte[4 * width * height];
        for (int i = 0; i < sheet.Length; i++)
        {
            (int pixel, int channel) = (i / 4, i % 4);
            (int y, int x) = (pixel / width, pixel % width);
            byte[] picture = rows[y / Half][x / Half];
            int at = 4 * (2 * (y % Half) * Textures.Side + 2 * (x % Half)) + channel, down = at + 4 * Textures.Side;
            sheet[i] = (byte)((picture[at] + picture[at + 4] + picture[down] + picture[down + 4] + 2) / 4);
        }
        return MLImage.CreateFromPixels(width, height, MLPixelFormat.Rgba32, sheet);
    }
}
