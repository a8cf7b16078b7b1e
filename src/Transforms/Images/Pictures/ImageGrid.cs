using Microsoft.ML.Data;
using RealNvp.ML.Export.Storage;

namespace Microsoft.ML;

/// <summary>Lays images of one size out in rows and columns, and saves pictures as PNG.</summary>
/// <example>
/// <code>
/// using MLImage grid = ImageGrid.Compose(flow.SampleImages(64).GetColumn&lt;MLImage&gt;("Image"), columns: 8, magnification: 4);
/// grid.SavePng("samples.png");
/// </code>
/// </example>
public static class ImageGrid
{
    /// <summary>What image libraries take.</summary>
    private const int LongestSide = 32767;

    /// <summary>
    /// One picture of many, row by row, with white lines between and around them. Cells that are left over in the last row are white.
    /// </summary>
    /// <param name="images">Images of one size, read once, one at a time; they stay the caller's.</param>
    /// <param name="columns">Images per row; fewer where there are fewer images.</param>
    /// <param name="margin">The width of the lines, in pixels of the result; 0 for none.</param>
    /// <param name="magnification">The side of the square that each pixel becomes: digits of 8 x 8 need 4 to 8.</param>
    /// <returns>The picture, Rgba32, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">
    /// There is no image, or one is of another size or pixel format, or the result would be too large.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1, or the margin below 0.</exception>
    public static MLImage Compose(IEnumerable<MLImage> images, int columns, int margin = 1, int magnification = 1)
    {
        ArgumentNullException.ThrowIfNull(images);
        Check(columns, margin, magnification);
        (List<byte[]> cells, int height, int width) = Read(images);
        columns = Math.Min(columns, cells.Count);
        int rows = (cells.Count + columns - 1) / columns;
        long stepY = (long)height * magnification + margin, stepX = (long)width * magnification + margin;
        long totalHeight = rows * stepY + margin, totalWidth = columns * stepX + margin;
        if (Math.Max(totalHeight, totalWidth) > LongestSide || totalHeight * totalWidth > Array.MaxLength / 4)
        {
            throw new ArgumentException(
                $"The grid would be {totalWidth} x {totalHeight} pixels; a side may have {LongestSide}, all together "
                    + $"{Array.MaxLength / 4}.", nameof(images));
        }

        var rgba = new byte[4 * totalHeight * totalWidth];
        Array.Fill(rgba, byte.MaxValue);
        for (int cell = 0; cell < cells.Count; cell++)
        {
            int top = margin + cell / columns * (int)stepY, left = margin + cell % columns * (int)stepX;
            for (int y = 0; y < height * magnification; y++)
            {
                for (int x = 0; x < width * magnification; x++)
                {
                    Span<byte> pixel = cells[cell].AsSpan(4 * (y / magnification * width + x / magnification), 4);
                    pixel.CopyTo(rgba.AsSpan(4 * ((top + y) * (int)totalWidth + left + x)));
                }
            }
        }
        return MLImage.CreateFromPixels((int)totalWidth, (int)totalHeight, MLPixelFormat.Rgba32, rgba);
    }

    /// <summary>Refuses a layout that cannot be, before images are made for it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1, or the margin below 0.</exception>
    internal static void Check(int columns, int margin, int magnification)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(margin);
        ArgumentOutOfRangeException.ThrowIfLessThan(magnification, 1);
    }

    /// <summary>Saves a picture as PNG: beside the target first and then renamed, so that nobody reads half of it.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="path">A file name that ends in <c>.png</c>.</param>
    /// <exception cref="ArgumentException">The name ends otherwise.</exception>
    public static void SavePng(this MLImage image, string path)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                $"Pictures are saved as PNG: the name must end in '.png', found '{Path.GetFileName(path)}'.", nameof(path));
        }
        AtomicFile.WriteByName(path, image.Save); // which reads the format from the extension
    }

    private static (List<byte[]> Cells, int Height, int Width) Read(IEnumerable<MLImage> images)
    {
        var cells = new List<byte[]>();
        int height = 0, width = 0;
        foreach (MLImage image in images)
        {
            if (cells.Count == 0)
                (height, width) = (image.Height, image.Width);
            if ((image.Height, image.Width) != (height, width))
            {
                throw new ArgumentException(
                    $"Image {cells.Count} is {image.Width} x {image.Height} pixels, the ones before it are {width} x {height}.",
                    nameof(images));
            }
            cells.Add(ToRgba(image, cells.Count));
        }
        return cells.Count > 0 ? (cells, height, width) : throw new ArgumentException("There is no image.", nameof(images));
    }

    private static byte[] ToRgba(MLImage image, int number)
    {
        byte[] pixels = image.Pixels.ToArray();
        if (image.PixelFormat is not (MLPixelFormat.Rgba32 or MLPixelFormat.Bgra32))
        {
            throw new ArgumentException(
                $"Image {number} has the pixel format {image.PixelFormat}, expected Rgba32 or Bgra32.", nameof(image));
        }
        for (int i = 0; image.PixelFormat == MLPixelFormat.Bgra32 && i < pixels.Length; i += 4)
            (pixels[i], pixels[i + 2]) = (pixels[i + 2], pixels[i]);
        return pixels;
    }
}
