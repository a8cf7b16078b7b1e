using System.IO.Compression;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>A file that is read from front to end, compressed where its name ends in .gz.</summary>
internal sealed class RecordFile : IDisposable
{
    private readonly Stream _stream;

    public RecordFile(string path)
    {
        FilePath = path;
        Stream file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        _stream = IsCompressed(path) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <summary>Where it is.</summary>
    public string FilePath { get; }

    /// <summary>How many bytes have been read, after decompression.</summary>
    public long Position { get; private set; }

    /// <summary>Whether a file is compressed.</summary>
    public static bool IsCompressed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>The length of a file that is not compressed; of one that is, nothing is known.</summary>
    public static long? Length(string path) => IsCompressed(path) ? null : new FileInfo(path).Length;

    /// <summary>Requires that a file is there.</summary>
    /// <exception cref="FileNotFoundException">It is not.</exception>
    public static string Existing(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return File.Exists(path) ? path : throw new FileNotFoundException($"There is no file '{path}'.", path);
    }

    /// <summary>Reads until the buffer is full or the file ends.</summary>
    /// <returns>How many bytes were read.</returns>
    /// <exception cref="InvalidDataException">The compressed data is damaged.</exception>
    public int Read(Span<byte> buffer)
    {
        try
        {
            int read = _stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            Position += read;
            return read;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"'{FilePath}' is no gzip file, or a damaged one: {e.Message}", e);
        }
    }

    public void Dispose() => _stream.Dispose();
}
