using Microsoft.ML.Data;

namespace RealNvp.ML.Tests.Transforms.Images;

/// <summary>A folder that goes with its test, and images to put into it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("realnvp-images-").FullName;

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>A path in the folder, whose own folder is there.</summary>
    public string File(string name)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    /// <summary>Writes an image whose levels are a function of channel, row and column.</summary>
    public string Image(string name, int height, int width, Func<int, int, int, byte> level)
    {
        byte[] pixels = new byte[height * width * 4];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = i % 4 == 3 ? (byte)255 : level(i % 4, i / 4 / width, i / 4 % width);
        using MLImage image = MLImage.CreateFromPixels(width, height, MLPixelFormat.Rgba32, pixels);
        string path = File(name);
        image.Save(path);
        return path;
    }

    /// <summary>Levels without a pattern, the same for the same arguments.</summary>
    public static byte Noise(int channel, int row, int column)
        => (byte)(((uint)(channel * 73856093) ^ (uint)(row * 19349663) ^ (uint)(column * 83492791)) * 2654435761u >> 24);

    /// <summary>What an image file must become where nothing is scaled: planar, from a place on.</summary>
    public static float[] Planar(int channels, int height, int width, Func<int, int, int, byte> level, int top = 0, int left = 0)
        => [.. Enumerable.Range(0, channels * height * width)
        .Select(i => (float)level(i / (height * width), top + i / width % height, left + i % width))];
}
