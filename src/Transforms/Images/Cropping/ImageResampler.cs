using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>
/// Scales a part of an image with the triangle filter, widened where the image shrinks so that no pixel is passed over: the "bilinear,
/// antialiased" of Pillow and torchvision. Where nothing is scaled, pixels come through unchanged.
/// </summary>
/// <remarks>
/// Not ML.NET's ResizeImages, for two reasons. It rounds the scaled size down after a multiplication in single precision, so that one image
/// size in eight (82 to 64, for example) gets a black row and column; and its filters do not widen. Here, too, every platform gives the
/// same pixels.
/// </remarks>
internal static class ImageResampler
{
    private const int Samples = 4; // bytes of a pixel

    /// <summary>The box of a window as pixels of an image of the target's size, in the source's format.</summary>
    public static byte[] Resample(MLImage source, ImageWindow window, ImageSize target)
    {
        byte[] pixels = new byte[target.Height * target.Width * Samples];
        Taps columns = new(window.X, window.BoxWidth, window.Left, window.Left + window.Readable.Width, target.Width);
        Taps rows = new(window.Y, window.BoxHeight, window.Top, window.Top + window.Readable.Height, target.Height);
        Resample(source.Pixels, source.Width, columns, rows, target, pixels);
        return pixels;
    }

    private static void Resample(ReadOnlySpan<byte> source, int sourceWidth, Taps columns, Taps rows, ImageSize target, Span<byte> pixels)
    {
        int rowSize = target.Width * Samples;
        // first across, for every row that will be needed, then down
        int top = rows.First[0], bottom = rows.First[^1] + rows.Weights[^1].Length;
        float[] across = new float[(bottom - top) * rowSize];
        for (int y = top; y < bottom; y++)
        {
            ReadOnlySpan<byte> row = source.Slice(y * sourceWidth * Samples, sourceWidth * Samples);
            for (int x = 0; x < target.Width; x++)
            {
                Vector128<float> sum = Vector128<float>.Zero;
                ReadOnlySpan<byte> pixel = row[(columns.First[x] * Samples)..];
                foreach (float weight in columns.Weights[x])
                {
                    sum += weight * Vector128.Create((float)pixel[0], pixel[1], pixel[2], pixel[3]);
                    pixel = pixel[Samples..];
                }
                sum.CopyTo(across, (y - top) * rowSize + x * Samples);
            }
        }
        float[] down = new float[rowSize];
        for (int y = 0; y < target.Height; y++)
        {
            Array.Clear(down);
            for (int k = 0; k < rows.Weights[y].Length; k++)
                TensorPrimitives.MultiplyAdd(across.AsSpan((rows.First[y] - top + k) * rowSize, rowSize), rows.Weights[y][k], down, down);
            for (int i = 0; i < rowSize; i++)
                pixels[y * rowSize + i] = (byte)Math.Clamp(down[i] + 0.5f, 0, 255);
        }
    }

    /// <summary>Which pixels along one axis make each pixel of the result, and with what weights.</summary>
    private sealed class Taps
    {
        public Taps(double start, double length, int low, int high, int count)
        {
            First = new int[count];
            Weights = new float[count][];
            double scale = length / count, reach = Math.Max(1, scale);
            for (int i = 0; i < count; i++)
            {
                // pixel j covers j to j + 1
                double center = start + (i + 0.5) * scale;
                int first = Math.Max(low, (int)Math.Floor(center - reach)), end = Math.Min(high, (int)Math.Ceiling(center + reach));
                // the outermost may have weight 0, and then are not worth reading
                while (Weight(first) == 0)
                    first++;
                while (Weight(end - 1) == 0)
                    end--;
                double sum = 0;
                for (int j = first; j < end; j++)
                    sum += Weight(j);
                First[i] = first;
                Weights[i] = new float[end - first];
                for (int j = first; j < end; j++)
                    Weights[i][j - first] = (float)(Weight(j) / sum);

                double Weight(int j) => Math.Max(0, 1 - Math.Abs(j + 0.5 - center) / reach);
            }
        }

        public int[] First { get; }

        public float[][] Weights { get; }
    }
}
