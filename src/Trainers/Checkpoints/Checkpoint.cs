using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Checkpoints;

/// <summary>
/// Named values of a training run: tensors, numbers and text. As a file: eight bytes of magic, the entries, and the SHA-256 of all before
/// it, so that a damaged or truncated one is known before anything of it is used.
/// </summary>
internal sealed class Checkpoint
{
    private const int HashSize = 32;

    private static readonly byte[] s_magic = "RNVPCKP1"u8.ToArray();

    private readonly Dictionary<string, byte[]> _entries = new(StringComparer.Ordinal);

    /// <summary>Whether there is a value of this name.</summary>
    public bool Has(string name) => _entries.ContainsKey(name);

    /// <summary>Adds the values of a tensor; its shape and type are those of the tensor that they are copied back to.</summary>
    public void Add(string name, Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        _entries.Add(name, tensor.detach().cpu().contiguous().bytes.ToArray());
    }

    /// <summary>Adds the values of tensors, each under the name and its number.</summary>
    public void Add(string name, IEnumerable<Tensor> tensors)
    {
        foreach ((int i, Tensor tensor) in tensors.Index())
            Add($"{name}.{i}", tensor);
    }

    /// <summary>Adds whole numbers.</summary>
    public void Add(string name, long value) => _entries.Add(name, BitConverter.GetBytes(value));

    /// <summary>Adds numbers.</summary>
    public void Add(string name, params IEnumerable<double> values) => _entries.Add(name, [.. values.SelectMany(BitConverter.GetBytes)]);

    /// <summary>Adds numbers in single precision.</summary>
    public void AddFloats(string name, ReadOnlySpan<float> values) => _entries.Add(name, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Adds text.</summary>
    public void Add(string name, string text) => _entries.Add(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Copies the values of a tensor to one of the same shape.</summary>
    /// <exception cref="DamagedCheckpointException">They are missing, or of another size.</exception>
    public void CopyTo(string name, Tensor target)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor values = empty(target.shape, dtype: target.dtype, device: CPU);
        byte[] bytes = Get(name, values.bytes.Length);
        bytes.CopyTo(values.bytes);
        target.copy_(values);
    }

    /// <summary>Copies the values of tensors that were added together.</summary>
    /// <exception cref="DamagedCheckpointException">One is missing, or of another size.</exception>
    public void CopyTo(string name, IEnumerable<Tensor> targets)
    {
        foreach ((int i, Tensor target) in targets.Index())
            CopyTo($"{name}.{i}", target);
    }

    /// <summary>The bytes of a value that has this many.</summary>
    /// <exception cref="DamagedCheckpointException">It is missing, or has another number.</exception>
    public byte[] Bytes(string name, int count) => Get(name, count);

    /// <summary>A whole number between two others, both counted.</summary>
    /// <exception cref="DamagedCheckpointException">It is missing, or outside.</exception>
    public long Integer(string name, long least, long most)
    {
        long value = BinaryPrimitives.ReadInt64LittleEndian(Get(name, sizeof(long)));
        Require(value >= least && value <= most, name, value);
        return value;
    }

    /// <summary>Exactly this many numbers.</summary>
    /// <exception cref="DamagedCheckpointException">They are missing, or more or fewer.</exception>
    public double[] Numbers(string name, int count)
    {
        byte[] bytes = Get(name, (long)count * sizeof(double));
        return [.. Enumerable.Range(0, count).Select(i => BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(i * sizeof(double))))];
    }

    /// <summary>At most this many numbers.</summary>
    /// <exception cref="DamagedCheckpointException">They are missing or more.</exception>
    public double[] NumbersUpTo(string name, int most)
    {
        int count = Get(name).Length / sizeof(double);
        Require(count <= most, name, count);
        return Numbers(name, count);
    }

    /// <summary>All numbers that were added in single precision.</summary>
    /// <exception cref="DamagedCheckpointException">They are missing.</exception>
    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(Get(name)).ToArray();

    /// <summary>Text.</summary>
    /// <exception cref="DamagedCheckpointException">It is missing.</exception>
    public string Text(string name) => Encoding.UTF8.GetString(Get(name));

    /// <summary>Requires what holds for the value in every checkpoint that a run writes.</summary>
    /// <exception cref="DamagedCheckpointException">It does not hold.</exception>
    public static void Require(bool holds, string name, IFormattable found)
    {
        if (!holds)
            throw new DamagedCheckpointException($"'{name}' is {found}, which no run of these options writes");
    }

    /// <summary>Writes the file's content.</summary>
    public void Write(Stream stream)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Put(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(bytes);
            stream.Write(bytes);
        }
        Put(s_magic);
        foreach ((string name, byte[] value) in _entries)
        {
            byte[] label = Encoding.UTF8.GetBytes(name);
            Put(BitConverter.GetBytes(label.Length));
            Put(label);
            Put(BitConverter.GetBytes(value.LongLength));
            Put(value);
        }
        stream.Write(hash.GetHashAndReset());
    }

    /// <summary>Reads a file, which meanwhile may be replaced or removed.</summary>
    /// <exception cref="DamagedCheckpointException">It is no checkpoint, is damaged or truncated.</exception>
    public static Checkpoint Read(string path)
    {
        // a file may be larger than an array
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        RequireHash(file);
        long end = file.Length - HashSize;
        file.Position = s_magic.Length;
        var checkpoint = new Checkpoint();
        while (file.Position < end)
        {
            string name = Encoding.UTF8.GetString(Take(file, end, BinaryPrimitives.ReadInt32LittleEndian(Take(file, end, sizeof(int)))));
            if (!checkpoint._entries.TryAdd(name,
                Take(file, end, BinaryPrimitives.ReadInt64LittleEndian(Take(file, end, sizeof(long))))))
                throw new DamagedCheckpointException($"it has the value '{name}' twice");
        }
        return checkpoint;
    }

    private static void RequireHash(FileStream file)
    {
        Span<byte> magic = stackalloc byte[s_magic.Length], expected = stackalloc byte[HashSize];
        if (file.Length < s_magic.Length + HashSize
            || file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) < magic.Length || !magic.SequenceEqual(s_magic))
            throw new DamagedCheckpointException("it is no checkpoint, or its beginning is damaged");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(magic);
        var block = new byte[1 << 16];
        for (long left = file.Length - HashSize - magic.Length; left > 0;)
        {
            int got = file.Read(block, 0, (int)Math.Min(block.Length, left));
            if (got == 0)
                break; // shorter than it was: the hash tells
            hash.AppendData(block, 0, got);
            left -= got;
        }
        if (file.ReadAtLeast(expected, HashSize, throwOnEndOfStream: false) < HashSize
            || !hash.GetHashAndReset().AsSpan().SequenceEqual(expected))
            throw new DamagedCheckpointException("its checksum is wrong: it is damaged or truncated");
    }

    private static byte[] Take(FileStream file, long end, long length)
    {
        long left = end - file.Position;
        if (length < 0 || length > Math.Min(left, Array.MaxLength))
            throw new DamagedCheckpointException($"an entry of {length} bytes does not fit into the {left} that are left");
        var taken = new byte[length];
        file.ReadExactly(taken);
        return taken;
    }

    private byte[] Get(string name, long? length = null)
    {
        if (!_entries.TryGetValue(name, out byte[]? value))
            throw new DamagedCheckpointException($"it has no value '{name}'");
        if (length is { } expected && value.Length != expected)
            throw new DamagedCheckpointException($"'{name}' has {value.Length} bytes, expected {expected}");
        return value;
    }
}

/// <summary>
/// A checkpoint is not what a run wrote: the file is damaged or truncated, or its content does not fit the run, whatever its checksum
/// says. The one before it may be good.
/// </summary>
internal sealed class DamagedCheckpointException(string message) : Exception(message);
