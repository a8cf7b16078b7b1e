namespace RealNvp.ML.Transforms.Noise;

/// <summary>
/// Uniform noise by row and draw: what draw d of row i gets depends on the seed, i and d alone, is independent of
/// <see cref="GaussianNoise"/> of the same seed, and is the same to the last bit on every platform.
/// </summary>
internal readonly struct UniformNoise(int seed)
{
    private readonly uint _key = unchecked((uint)seed);

    /// <summary>Writes independent values from (0, 1); a longer row begins with the values of a shorter one.</summary>
    public void Fill(long row, int draw, Span<double> values)
    {
        Span<uint> words = stackalloc uint[4];
        for (int start = 0; start < values.Length; start += 4)
        {
            Philox.Block((uint)(start / 4), (uint)draw, unchecked((uint)row), unchecked((uint)(row >> 32)), _key, 1, words);
            int count = Math.Min(4, values.Length - start);
            for (int i = 0; i < count; i++)
                values[start + i] = Philox.Uniform(words[i]);
        }
    }
}
