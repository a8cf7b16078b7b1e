using System.Buffers.Binary;

namespace RealNvp.ML.Bench.Survival;

/// <summary>Damage that knows nothing of a format: flipped bits, blocks, ends cut off, parts twice or elsewhere, extremes.</summary>
internal static class ByteMutation
{
    private static readonly ulong[] s_extremes =
        [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, ulong.MaxValue];

    /// <summary>A damaged copy.</summary>
    public static byte[] Of(byte[] content, Random random)
    {
        if (content.Length < 16)
            return [.. content, (byte)random.Next(256)];
        byte[] bytes = [.. content];
        switch (random.Next(6))
        {
            case 0:
                for (int flips = random.Next(1, 9); flips > 0; flips--)
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                Span<byte> block = Part(bytes, random, out _);
                if (random.Next(3) is var kind and > 0) block.Fill(kind == 1 ? (byte)0 : (byte)255);
                else random.NextBytes(block);
                return bytes;
            case 2:
                return bytes[..random.Next(bytes.Length)];
            case 3:
                Span<byte> twice = Part(bytes, random, out int at);
                return [.. bytes[..at], .. twice, .. bytes[at..]];
            case 4:
                Span<byte> part = Part(bytes, random, out int from);
                byte[] moved = part.ToArray(), rest = [.. bytes[..from], .. bytes[(from + moved.Length)..]];
                int to = random.Next(rest.Length + 1);
                return [.. rest[..to], .. moved, .. rest[to..]];
            default:
                Span<byte> number = bytes.AsSpan(random.Next(bytes.Length - 7), 8);
                ulong value = s_extremes[random.Next(s_extremes.Length)];
                if (random.Next(2) == 0) BinaryPrimitives.WriteUInt64LittleEndian(number, value);
                else BinaryPrimitives.WriteUInt32LittleEndian(number, (uint)value);
                return bytes;
        }
    }

    private static Span<byte> Part(byte[] bytes, Random random, out int at)
    {
        int length = Math.Min(bytes.Length / 2, 1 << random.Next(1, 12));
        at = random.Next(bytes.Length - length + 1);
        return bytes.AsSpan(at, length);
    }
}
