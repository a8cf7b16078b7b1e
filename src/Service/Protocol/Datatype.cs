using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Protocol;

/// <summary>The protocol's names of types, and their bytes (little-endian).</summary>
internal static class Datatype
{
    private static readonly Dictionary<string, int> s_widths = new(StringComparer.Ordinal)
    {
        ["FP32"] = 4, ["FP64"] = 8, ["INT8"] = 1, ["INT16"] = 2, ["INT32"] = 4, ["INT64"] = 8,
        ["UINT8"] = 1, ["UINT16"] = 2, ["UINT32"] = 4, ["UINT64"] = 8, ["BOOL"] = 1,
    };

    /// <summary>The type of a column.</summary>
    public static string Of(ModelColumn column) => column.Kind switch
    {
        ColumnKind.Single => "FP32",
        ColumnKind.Number => "FP64",
        ColumnKind.Boolean => "BOOL",
        _ => "BYTES",
    };

    /// <summary>Requires a type that a column can take: any number where it holds numbers.</summary>
    /// <exception cref="RequestException">It is another.</exception>
    public static void Check(ModelColumn column, string datatype)
    {
        bool isRight = column.Kind switch
        {
            ColumnKind.Text => datatype == "BYTES",
            ColumnKind.Boolean => datatype == "BOOL",
            _ => datatype != "BOOL" && s_widths.ContainsKey(datatype),
        };
        if (!isRight)
            throw new RequestException($"The input '{column.Name}' is of the datatype {datatype}, expected {Of(column)}.");
    }

    /// <summary>The least bytes of a value: of a text those of its length.</summary>
    public static int LeastBytes(string datatype) => s_widths.GetValueOrDefault(datatype, 4);

    /// <summary>Reads all values of a column from bytes.</summary>
    /// <exception cref="RequestException">There are more or fewer bytes.</exception>
    public static void Read(ModelColumn column, string datatype, ReadOnlySpan<byte> bytes, Array values)
    {
        if (values is ReadOnlyMemory<char>[] texts)
        {
            ReadTexts(column, bytes, texts);
            return;
        }
        int width = s_widths[datatype];
        if (bytes.Length != (long)width * values.Length)
        {
            throw new RequestException($"The input '{column.Name}' has {bytes.Length} bytes, expected {values.Length} values of {width} "
                + "bytes.");
        }
        if (values is float[] singles && datatype == "FP32" && BitConverter.IsLittleEndian)
        {
            bytes.CopyTo(MemoryMarshal.AsBytes(singles.AsSpan()));
            return;
        }
        for (int i = 0; i < values.Length; i++)
            Set(values, i, Value(datatype, bytes.Slice(i * width, width)));
    }

    /// <summary>Puts a number into the values of a column.</summary>
    public static void Set(Array values, int place, double value)
    {
        switch (values)
        {
            case float[] floats: floats[place] = (float)value; break;
            case double[] doubles: doubles[place] = value; break;
            default: ((bool[])values)[place] = value != 0; break;
        }
    }

    /// <summary>The bytes of results.</summary>
    public static byte[] Write(Array values)
    {
        if (values is bool[] flags)
            return Array.ConvertAll(flags, flag => (byte)(flag ? 1 : 0));
        float[] singles = (float[])values;
        byte[] bytes = new byte[4 * singles.Length];
        for (int i = 0; i < singles.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), singles[i]);
        return bytes;
    }

    private static double Value(string datatype, ReadOnlySpan<byte> bytes) => datatype switch
    {
        "FP32" => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        "FP64" => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
        "INT8" => (sbyte)bytes[0],
        "INT16" => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        "INT32" => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        "INT64" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        "UINT16" => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        "UINT32" => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        "UINT64" => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        _ => bytes[0],
    };

    /// <summary>Texts are UTF-8, each behind its length in four bytes.</summary>
    private static void ReadTexts(ModelColumn column, ReadOnlySpan<byte> bytes, ReadOnlyMemory<char>[] texts)
    {
        for (int i = 0; i < texts.Length; i++)
        {
            uint length = bytes.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            if (length > bytes.Length - 4)
                throw new RequestException($"The bytes of the input '{column.Name}' end in text {i}.");
            texts[i] = Encoding.UTF8.GetString(bytes.Slice(4, (int)length)).AsMemory();
            bytes = bytes[(4 + (int)length)..];
        }
        if (bytes.Length > 0)
            throw new RequestException($"The input '{column.Name}' has {bytes.Length} bytes behind its {texts.Length} texts.");
    }
}
