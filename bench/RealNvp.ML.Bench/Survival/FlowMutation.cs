using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// Damage to the content of a flow file that knows its fields, behind a digest that is right again: what an attacker writes, and no disk.
/// </summary>
internal static class FlowMutation
{
    private const int Header = 8 + sizeof(uint) + sizeof(ulong) + SHA256.HashSizeInBytes;

    private const int MostBytes = 32 << 20; // a file that is itself large may take memory

    private static readonly int[] s_counts =
        [-65_536, -1, 0, 1, 2, 3, 4, 5, 255, 4096, 46_341, 65_536, 1 << 24, 1 << 30, int.MaxValue, int.MinValue];

    private static readonly float[] s_floats = [0, -0f, 1, -1, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue,
        float.MinValue, float.Epsilon, 1e-30f, 1e30f];

    private static readonly double[] s_numbers = [0, 1, -1, 0.5, 2, double.NaN, double.PositiveInfinity, double.MaxValue, double.Epsilon,
        int.MaxValue, 1L << 31, 1e9, 1e18, -1e300];

    /// <summary>A damaged file.</summary>
    public static byte[] Of(byte[] file, Random random)
    {
        FlowModelMessage content = FlowModelMessage.Parser.ParseFrom(file, Header, file.Length - Header);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
            Change(content, random);
        return Sealed(file, content.ToByteArray());
    }

    /// <summary>The file with other content and its digest.</summary>
    public static byte[] Sealed(byte[] file, byte[] content)
    {
        byte[] sealed_ = [.. file.AsSpan(0, Header), .. content];
        BinaryPrimitives.WriteUInt64LittleEndian(sealed_.AsSpan(12), (ulong)content.Length);
        SHA256.HashData(content, sealed_.AsSpan(20));
        return sealed_;
    }

    /// <summary>The content of a file.</summary>
    public static byte[] Content(byte[] file) => file[Header..];

    private static void Change(FlowModelMessage content, Random random)
    {
        MemberMessage? member = Any(content.Members, random);
        StepMessage? step = member is null ? null : Any(member.Steps, random);
        switch (random.Next(12))
        {
            case 0:
                if (random.Next(3) == 0) content.InputShape.Add(Any(s_counts, random));
                else if (content.InputShape.Count > 0) content.InputShape[random.Next(content.InputShape.Count)] = Any(s_counts, random);
                break;
            case 1 when Any(step?.Tensors.Values, random) is { } tensor && tensor.Dims.Count > 0:
                tensor.Dims[random.Next(tensor.Dims.Count)] = Any(s_counts, random);
                break;
            case 2 when Any(step?.Tensors.Values, random) is { } tensor:
                tensor.Values = Floats(tensor.Values, random);
                break;
            case 3 when Any(step?.Tensors.Values, random) is { } tensor:
                tensor.Values = ByteString.CopyFrom(new byte[random.Next(tensor.Values.Length + 9)]);
                break;
            case 4 when Any(step?.Indices.Values, random) is { } indices && indices.Values.Count > 0:
                indices.Values[random.Next(indices.Values.Count)] = Any(s_counts, random);
                break;
            case 5 when step?.Numbers.Count > 0:
                step.Numbers[Any(step.Numbers.Keys, random)!] = Any(s_numbers, random);
                break;
            case 6 when step?.Texts.Count > 0:
                step.Texts[Any(step.Texts.Keys, random)!] = Any(["", "Tanh", "Plain", "EvenPixels", new string('x', 100_000)], random)!;
                break;
            case 7 when step is not null:
                step.Kind = Any([.. StepKinds(content), "", "System.String", "AffineCoupling"], random)!;
                break;
            case 8 when member is not null && step is not null:
                int most = MostBytes / Math.Max(1, step.CalculateSize());
                for (int copies = random.Next(3) == 0 ? Math.Min(random.Next(2, 20_000), most) : 1; copies > 0; copies--)
                    member.Steps.Add(step.Clone());
                break;
            case 9 when member is not null && step is not null:
                if (random.Next(2) == 0) member.Steps.Remove(step);
                else member.Steps.Insert(random.Next(member.Steps.Count), step.Clone());
                break;
            case 10:
                content.Calibration ??= new();
                if (random.Next(2) == 0) content.Calibration.Contamination = Any(s_numbers, random);
                else content.Calibration.Scores = Floats(content.Calibration.Scores, random);
                break;
            default:
                content.Probes ??= new();
                if (random.Next(3) == 0) content.Probes.LogLikelihoods = ByteString.CopyFrom(new byte[random.Next(100) * 8]);
                else if (random.Next(2) == 0) content.Probes.Rows = Floats(content.Probes.Rows, random);
                else if (random.Next(2) == 0) content.Metadata = null;
                else content.Metadata = new() { FeatureNames = { Enumerable.Repeat("x", random.Next(100_000)) } };
                break;
        }
    }

    private static IEnumerable<string> StepKinds(FlowModelMessage content)
        => content.Members.SelectMany(member => member.Steps).Select(step => step.Kind).Distinct();

    private static ByteString Floats(ByteString bytes, Random random)
    {
        byte[] changed = bytes.ToByteArray();
        Span<float> values = MemoryMarshal.Cast<byte, float>(changed.AsSpan());
        for (int changes = random.Next(1, 4); changes > 0 && values.Length > 0; changes--)
            values[random.Next(values.Length)] = Any(s_floats, random);
        return ByteString.CopyFrom(changed);
    }

    private static T? Any<T>(IEnumerable<T>? values, Random random)
    {
        T[] all = [.. values ?? []];
        return all.Length == 0 ? default : all[random.Next(all.Length)];
    }
}
