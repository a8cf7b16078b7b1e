namespace RealNvp.ML.Transforms.Noise;

/// <summary>
/// The counter-based generator Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a key and a counter
/// give four random words, independent of those of any other counter, so that noise can be drawn in any order and by any thread.
/// </summary>
internal static class Philox
{
    /// <summary>Four words.</summary>
    /// <param name="c0">The counter's words, lowest first.</param>
    /// <param name="c1">The second.</param>
    /// <param name="c2">The third.</param>
    /// <param name="c3">The highest.</param>
    /// <param name="k0">The key's low word.</param>
    /// <param name="k1">The key's high word: 0 for normal noise, 1 for dequantisation.</param>
    /// <param name="words">Takes the words.</param>
    public static void Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, Span<uint> words)
    {
        const uint multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57, weyl0 = 0x9E3779B9, weyl1 = 0xBB67AE85;
        for (int round = 0; round < 10; round++)
        {
            ulong product0 = (ulong)multiplier0 * c0, product1 = (ulong)multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            unchecked
            {
                k0 += weyl0;
                k1 += weyl1;
            }
        }
        (words[0], words[1], words[2], words[3]) = (c0, c1, c2, c3);
    }

    /// <summary>The uniform value of a word, one of 2^32 in the midst of as many parts of (0, 1).</summary>
    public static double Uniform(uint word) => (word + 0.5) * (1.0 / 4294967296.0);
}
