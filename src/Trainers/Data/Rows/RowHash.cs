using RealNvp.ML.Trainers.Native;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>
/// Random numbers by position: what row i or draw i gets depends on the seed and i alone (SplitMix64: Steele, Lea, Flood 2014).
/// </summary>
internal readonly struct RowHash(long seed)
{
    /// <summary>64 random bits.</summary>
    public ulong Bits(long index)
        => DeviceRandom.Finalized(unchecked((ulong)seed * 0xD1342543DE82EF95 + ((ulong)index + 1) * 0x9E3779B97F4A7C15));

    /// <summary>A uniform number in [0, 1).</summary>
    public double Uniform(long index) => (Bits(index) >> 11) * (1.0 / (1UL << 53));

    /// <summary>One of <paramref name="count"/> choices.</summary>
    public int Choice(long index, int count) => (int)Math.BigMul(Bits(index), (ulong)count, out _);
}
