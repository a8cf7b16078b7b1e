namespace RealNvp.ML.Transforms.Images;

/// <summary>Bytes as the levels that they stand for.</summary>
internal static class Levels
{
    /// <summary>0 to 255, as Single.</summary>
    public static void Copy(ReadOnlySpan<byte> bytes, Span<float> levels)
    {
        for (int i = 0; i < bytes.Length; i++)
            levels[i] = bytes[i];
    }
}
